import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { pushImage } from '../collect/rows/row.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { CHROMIUM, type Tab, TestBrowser } from '../support/browser.ts'
import { debianLayer, dpkgStatus, imageOf, OS_RELEASE, untilRead } from '../support/inside-image.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { expectStatus } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const SCRIPT = `<script>document.title='taken'</script>`
const TURNED = 'user\u202egnp.exe\u2066\u200b'
const STEERED = 'a\u001b[31mc\u0008d'
const LONG = 'long '.repeat(40)
const HOSTILE = imageOf(
  [
    [
      { path: 'usr/lib/os-release', bytes: OS_RELEASE.replace('Debian GNU/Linux 12 (bookworm)', `${SCRIPT}${TURNED}`) },
      { path: 'etc/os-release', kind: 'symbolic link', target: '../usr/lib/os-release' },
      { path: 'var/lib/dpkg/status', bytes: dpkgStatus(`${SCRIPT.replaceAll(' ', '')} 1${TURNED}`) },
      ...[SCRIPT.replace('/', ''), TURNED, STEERED, LONG, 'javascript:alert(1)', "'><svg onload=x>"].map((name) => ({
        path: `evil/${name}`,
        bytes: 'x',
      })),
      { path: 'evil/link', kind: 'symbolic link', target: `${SCRIPT}${TURNED}` },
      { path: `evil/folder ${TURNED}/inner`, bytes: 'x' },
    ],
  ],
  { Entrypoint: [`/evil/${STEERED}`] },
)

describeWith({ programs: [CHROMIUM, PEER_PROGRAM] }, 'what layers say', () => {
  let folder: TemporaryFolder
  let registry: AppInTest
  let browser: TestBrowser

  beforeAll(async () => {
    folder = new TemporaryFolder()
    const layers = { enabled: true }
    registry = await AppInTest.start(folder, { storage: { inmemory: {}, maintenance: { layers } } })
    const program = { path: 'bin/registry', bytes: readFileSync(Bun.which(PEER_PROGRAM) ?? ''), mode: 0o755 }
    const service = imageOf([debianLayer('libc6 2.36-9', 'openssl 3.0.11-1'), [program]], {
      Entrypoint: ['/bin/registry', 'serve'],
    })
    for (const [name, image] of Object.entries({ registry: service, evil: HOSTILE })) {
      await pushImage(registry.client, image, 'v1', name)
      await untilRead(registry.client, name, 'v1')
    }
    const runs = {
      repository: 'evil',
      digest: HOSTILE.manifest.digest,
      state: 'running',
      problem: `${SCRIPT}${TURNED}`,
    }
    const body = JSON.stringify({ containers: [SCRIPT, TURNED, STEERED].map((container) => ({ ...runs, container })) })
    const headers = { 'content-type': 'application/json' }
    await expectStatus(await registry.request('PUT', '/api/v1/deployments/web-1', { headers, body }), 200)
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
    folder?.[Symbol.dispose]()
  })

  const open = async (path: string) => await browser.open(`${registry.url}${path}`)

  test('answers which distribution an image is based on, which libraries it has, and in which language its program is written', async () => {
    const { page, complaints } = await open('/ui/registry:v1')

    await page.getByRole('link', { name: 'What is in it' }).click()
    await page.getByText('Packages', { exact: false }).first().waitFor()

    const text = await page.locator('main').innerText()
    for (const words of ['Debian GNU/Linux 12 (bookworm)', '/bin/registry', 'Go', 'libc6', '2.36-9', 'openssl', '2 packages'])
      expect(text).toContain(words)
    await page.getByRole('link', { name: 'Its files' }).click()
    await page.getByRole('link', { name: 'bin' }).click()
    await page.getByText('registry', { exact: true }).first().waitFor()
    expect(complaints).toEqual([])
  })

  test.each([
    ['/ui/evil/-/inside?of=v1', SCRIPT],
    ['/ui/evil/-/files?of=v1', 'evil'],
    ['/ui/evil/-/files?of=v1&path=/evil', '<script>'],
    ['/ui/evil/-/compare?from=v1&to=v1', 'evil'],
    [`/ui/evil/-/files?of=v1&path=${encodeURIComponent(`/evil/${SCRIPT}`)}`, ''],
    [`/ui/evil/-/inside?of=v1&q=${encodeURIComponent(SCRIPT)}`, SCRIPT],
    ['/ui/-/deployments', SCRIPT],
  ])('%s shows it as text', async (path, words) => {
    const tab = await open(path)

    expect(await harmless(tab)).toContain(words)
  })

  async function harmless({ page, complaints }: Tab): Promise<string> {
    expect(await page.title()).not.toBe('taken')
    expect(await page.locator('main script, main img, main svg, main [onload]').count()).toBe(0)
    const links = await page.locator('a').evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''))
    expect(links.filter((link) => !/^(?:\/|#main$)/.test(link))).toEqual([])
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([])
    const text = await page.locator('body').innerText()
    expect(text.replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b]/u)
    return text
  }
})
