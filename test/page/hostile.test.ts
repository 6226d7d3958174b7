import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { CHROMIUM, type Tab, TestBrowser } from '../support/browser.ts'
import { descriptorOf, jsonContent } from '../support/images.ts'
import { PageArtifacts } from '../support/page-artifacts.ts'
import { type ImageWords, PageImages } from '../support/page-images.ts'
import { poll } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'

setDefaultTimeout(120_000)

const SCRIPT = `<script>document.title='taken'</script><img src=x onerror="document.title='taken'">"'><svg onload=document.title='taken'>`
const LONG = `<b>${'long '.repeat(210_000)}`
const TURNED = 'user\u202egnp.exe\u2066\u200b'
const STEERED = 'a\u0000b\u001b[31mc\u0008d'
/** In every place in which an image can say something. */
const HOSTILE: ImageWords = {
  config: {
    ...{ User: SCRIPT, WorkingDir: SCRIPT, Entrypoint: [SCRIPT, STEERED], Cmd: [TURNED], ExposedPorts: { [SCRIPT]: {} } },
    Env: [`${SCRIPT}=1`, 'PATH=/bin'],
    Labels: { [SCRIPT]: SCRIPT, long: LONG, turned: TURNED, steered: STEERED, constructor: 'c', __proto__: 'p' },
  },
  history: [{ created_by: `RUN ${SCRIPT}` }, { created_by: `COPY ${TURNED}` }, { created_by: LONG, empty_layer: true }],
  annotations: {
    'org.opencontainers.image.title': SCRIPT,
    'org.opencontainers.image.description': `${SCRIPT}${TURNED}`,
    'org.opencontainers.image.version': SCRIPT,
    'org.opencontainers.image.source': `javascript:document.title='taken'`,
    'org.opencontainers.image.base.name': SCRIPT,
    'org.opencontainers.image.base.digest': SCRIPT,
  },
  layers: [10, 20],
}

describeWith({ programs: [CHROMIUM] }, 'what strangers have written', () => {
  let registry: RestartableRegistry
  let browser: TestBrowser
  let url: string

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'inmemory', server: listen })
    url = registry.url ?? ''
    const client = new RegistryClient(url)
    const images = new PageImages(client)
    const manifest = await images.push('evil/app', ['v1', 'constructor', '__proto__'], HOSTILE)
    await images.attach('evil/app', manifest, `application/${SCRIPT.slice(0, 80)}`)
    const index = { ...descriptorOf(manifest), platform: { os: SCRIPT, architecture: TURNED }, annotations: { [SCRIPT]: SCRIPT } }
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    await images.put('evil/app', 'index', jsonContent(mediaType, { schemaVersion: 2, mediaType, manifests: [index] }))
    await images.push('evil/app', ['other'], { config: { User: 'other' } })
    const chart = {
      name: SCRIPT,
      version: TURNED,
      description: LONG.slice(0, 20_000),
      home: `javascript:document.title='taken'`,
      sources: [SCRIPT],
    }
    const artifacts = new PageArtifacts(client, images)
    await artifacts.chart('evil/app', 'chart', chart)
    await artifacts.file('evil/app', 'files', { title: SCRIPT, mediaType: `text/${SCRIPT}`, predicate: TURNED })
    // A config of a megabyte is read in the background.
    await poll('the facts of the image', 90_000, async () => {
      const answer = await client.request('GET', '/api/v1/repositories/evil/app/image?tag=v1')
      const { facts } = (await answer.json()) as { facts: object | null }
      return facts ?? undefined
    })
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  async function expectHarmless({ page, complaints }: Tab): Promise<string> {
    expect(await page.title()).not.toBe('taken')
    expect(await page.locator('main script, main img, main svg, main [onerror], main [onload], main [style]').count()).toBe(0)
    const links = await page.locator('a').evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''))
    expect(links.filter((link) => !/^(?:\/|#main$)/.test(link))).toEqual([])
    expect(complaints).toEqual([])
    const text = await page.locator('body').innerText()
    expect(text.replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b]/u)
    expect(text.length).toBeLessThan(200_000)
    return text
  }

  test.each([
    '/',
    '/?q=script',
    '/ui/evil/',
    '/ui/evil/app',
    '/ui/evil/app:v1',
    '/ui/evil/app:index',
    '/ui/evil/app:__proto__/history',
    '/?sort=moved',
    '/ui/-/activity',
    '/ui/evil/app/-/compare?from=v1&to=other',
    '/ui/evil/app/-/space',
    '/ui/evil/app/-/delete?all=yes',
    '/ui/evil/app:chart',
    '/ui/evil/app:files',
  ])('%s shows it as text', async (path) => {
    const text = await expectHarmless(await browser.open(`${url}${path}`))

    if (/^\/(?:$|\?|ui\/evil\/(?:$|app$|app:v1$|app:chart$|app:files$|app\/-\/compare))/.test(path))
      expect(text).toContain(`<script>document.title='taken'</script>`)
  })

  test('an image shows each of its texts, cut where they are too long', async () => {
    const { page } = await browser.open(`${url}/ui/evil/app:v1`)
    const text = await page.locator('main').innerText()

    for (const part of ['RUN <script>', 'COPY usergnp.exe', 'constructor', "javascript:document.title='taken'", 'a b [31mc d'])
      expect(text).toContain(part)
    expect(await page.locator('main').getByRole('link', { name: 'javascript' }).count()).toBe(0)
  })

  test.each(['manifest', 'config'])('the %s as it is runs nothing', async (part) => {
    const { page } = await browser.open(`${url}/ui/evil/app:v1`)
    const path = await page.locator(`a[href$="/${part}"]`).first().getAttribute('href')

    const tab = await browser.open(`${url}${path}`)

    expect(await tab.page.title()).toBe('')
    expect(await tab.page.locator('body').innerText()).toContain('<script>document.title')
    expect(await tab.page.locator('script').count()).toBe(0)
  })

  test.each([
    `/?q=${encodeURIComponent(SCRIPT)}`,
    `/?q=${encodeURIComponent(TURNED)}`,
    `/ui/-/sign-in?to=${encodeURIComponent(SCRIPT)}`,
    `/ui/${encodeURIComponent(SCRIPT)}`,
    `/ui/evil/app?after=${encodeURIComponent(SCRIPT)}`,
    `/?page=${encodeURIComponent(SCRIPT)}&q=app`,
    `/ui/evil/app?sort=${encodeURIComponent(SCRIPT)}&q=${encodeURIComponent(SCRIPT)}&order=${encodeURIComponent(SCRIPT)}`,
    `/ui/evil/app/-/compare?from=${encodeURIComponent(SCRIPT)}&to=v1`,
    `/ui/evil/app/-/delete?tags=${encodeURIComponent(SCRIPT)}&tag=${encodeURIComponent(SCRIPT)}`,
    `/ui/-/activity?in=${encodeURIComponent(SCRIPT)}&before=${encodeURIComponent(SCRIPT)}`,
    `/?sort=moved&before=${encodeURIComponent(SCRIPT)}`,
  ])('an address that somebody sends, %s, is harmless', async (path) => {
    const { page, context, complaints } = await browser.open(url)
    await page.goto(`${url}${path}`)

    const texts = complaints.filter((text) => !text.includes('404'))
    await expectHarmless({ page, context, complaints: texts })
  })

  test('a search that is typed is text, too', async () => {
    const tab = await browser.open(url)

    await tab.page.getByLabel('Search repositories').fill(`zzzz ${SCRIPT.slice(0, 150)}`)
    await tab.page.getByText('No repository has').waitFor()

    await expectHarmless(tab)
  })
})
