import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { CHROMIUM, follow, type Tab, type TabOptions, TestBrowser } from '../support/browser.ts'
import { PageArtifacts } from '../support/page-artifacts.ts'
import { imageOf, PageImages, pushForEveryScreen, SERVICE } from '../support/page-images.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'

setDefaultTimeout(120_000)

describeWith({ programs: [CHROMIUM] }, 'the screen of an image', () => {
  let registry: RestartableRegistry
  let browser: TestBrowser
  let url: string
  let pushed: { readonly service: string; readonly signature: string }
  let signedBy: string

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'inmemory', server: listen })
    url = registry.url ?? ''
    const client = new RegistryClient(url)
    const images = new PageImages(client)
    pushed = await pushForEveryScreen(images)
    const artifacts = new PageArtifacts(client, images)
    const { manifest: service } = imageOf(SERVICE)
    signedBy = await artifacts.cosignSignature('team/payments', service)
    await artifacts.sbom('team/payments', service)
    await artifacts.attestedIndex('team/payments', 'attested', service)
    await artifacts.buildCache('team/payments', 'cache')
    await artifacts.chart('charts/ledger', '1.2.0', {
      name: 'ledger',
      version: '1.2.0',
      appVersion: '7',
      home: 'https://ledger.example',
    })
    await images.push('tools/static', ['1'], {
      config: { Entrypoint: ['/run'] },
      history: [{ created_by: 'COPY run /run # buildkit' }],
      annotations: { 'com.example.team': 'tools', 'org.opencontainers.image.base.digest': 'sha256:0' },
    })
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  const open = async (path: string, options?: TabOptions) => await browser.open(`${url}${path}`, options)
  const below = ({ page }: Tab, heading: string) =>
    page.getByRole('heading', { name: heading }).locator('xpath=following-sibling::table[1]').locator('tbody tr')
  const text = async ({ page }: Tab) => await page.locator('main').innerText()

  test('has the lines of its Dockerfile with the layers that they made, and the largest stands out', async () => {
    const tab = await open('/ui/team/payments:2.3.1')

    const layers = below(tab, 'Layers')
    expect(await layers.locator('td:nth-child(1)').allInnerTexts()).toEqual([
      "# debian.sh --arch 'amd64' out/ 'bookworm' '@1730764800'",
      'RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libpq5',
      'ENV DATABASE_URL=',
      'COPY dist/payments /usr/local/bin/payments',
      'USER 1000',
      'ENTRYPOINT ["/usr/local/bin/payments"]',
    ])
    expect(await layers.locator('td:nth-child(3)').allTextContents()).toEqual(['280 kB', '52 kB', '', '9.4 kB', '', ''])
    expect(await layers.locator('td.number b').allTextContents()).toEqual(['280 kB'])
    expect(tab.complaints).toEqual([])
  })

  test('tells what it is built on, what it runs, as which user, on which ports, and the names of its environment', async () => {
    const tab = await open('/ui/team/payments:2.3.1')

    const shown = await text(tab)
    for (const line of [
      /Built on\s+Debian bookworm/,
      /Entry point\s+\/usr\/local\/bin\/payments/,
      /Command\s+--listen :8080/,
      /User\s+1000/,
      /Directory\s+\/srv/,
      /Ports\s+8080\/tcp/,
      /Environment\s+PATH, DATABASE_URL/,
      /maintainer\s+team@example.com/,
      /org.opencontainers.image.version\s+2.3.1/,
      /Size\s+342 kB; other images need all of it/,
      /also tagged 2.3, latest, stable/,
    ])
      expect(shown).toMatch(line)
    expect(shown).not.toContain('secret@db')
  })

  test('has what is attached to it, by its subject and by the name of a tag, and each leads there', async () => {
    const tab = await open('/ui/team/payments:2.3.1')
    const { page } = tab

    expect((await below(tab, 'Attached').locator('td.name').allTextContents()).toSorted()).toEqual([
      'SBOM (SPDX)',
      'SBOM (SPDX)',
      'signature (cosign)',
      'signature (sigstore bundle)',
    ])
    await below(tab, 'Attached').getByRole('link', { name: 'signature (sigstore bundle)' }).click()
    expect(new URL(page.url()).pathname).toBe(`/ui/team/payments@${pushed.signature}`)
    expect(await text(tab)).toMatch(/Kind\s+signature \(sigstore bundle\)/)
    await page.getByRole('link', { name: pushed.service }).click()
    expect(new URL(page.url()).pathname).toBe(`/ui/team/payments@${pushed.service}`)
  })

  test('a signature of cosign is one, and what it signs can be read', async () => {
    const tab = await open(`/ui/team/payments:${signedBy}`)
    const { page } = tab

    expect(await text(tab)).toMatch(/Kind\s+signature \(cosign\)/)
    expect(await page.getByRole('heading', { name: 'Layers' }).count()).toBe(0)
    await below(tab, 'Files').getByRole('link').click()
    expect(await page.locator('body').innerText()).toContain(pushed.service)
  })

  test('an SBOM is one, with its file, which can be read', async () => {
    const tab = await open('/ui/team/payments:2.3.1')
    const { page } = tab
    const links = await below(tab, 'Attached').getByRole('link', { name: 'SBOM (SPDX)' }).all()
    const addresses = await Promise.all(links.map((link) => link.getAttribute('href')))
    const files: string[] = []
    for (const address of addresses) {
      await page.goto(`${url}${address}`)
      expect(await text(tab)).toMatch(/Kind\s+SBOM \(SPDX\)/)
      expect(await page.locator('.command:visible code').first().textContent()).toStartWith('oras pull')
      files.push(...(await below(tab, 'Files').locator('td.name').allTextContents()))
    }

    expect(files.toSorted()).toEqual(['application/vnd.oci.empty.v1+json', 'sbom.spdx.json'])
    expect(tab.complaints).toEqual([])
  })

  test('an image index has its platforms with their sizes, and leads to their images', async () => {
    const tab = await open('/ui/team/ledger:latest')

    expect(await below(tab, 'Images').locator('td.number').allTextContents()).toEqual(['882 B', '342 kB'])
    expect(await below(tab, 'Images').locator('td.name').allTextContents()).toEqual(['linux/amd64', 'linux/arm64'])
    expect(await text(tab)).toContain('also tagged 1.0')
    expect(await text(tab)).toMatch(/Kind\s+image for several platforms/)
    await tab.page.getByRole('link', { name: 'linux/arm64' }).click()
    expect(new URL(tab.page.url()).pathname).toMatch(/^\/ui\/team\/ledger@sha256:[0-9a-f]{64}$/)
  })

  test("BuildKit's attestations stand beside the image of which they tell, and say what they are", async () => {
    const tab = await open('/ui/team/payments:attested')

    expect(await below(tab, 'Images').locator('td.name').allTextContents()).toEqual([
      'linux/amd64',
      'attestations of linux/amd64',
    ])
    await follow(tab.page, () => tab.page.getByRole('link', { name: 'attestations of linux/amd64' }).click())
    expect(await below(tab, 'Files').locator('td.name').allTextContents()).toEqual(['provenance (SLSA)'])
    expect(await text(tab)).toMatch(/Kind\s+attestation \(in-toto\)/)
  })

  test("BuildKit's cache is no image", async () => {
    const tab = await open('/ui/team/payments:cache')

    expect(await text(tab)).toMatch(/Kind\s+cache of BuildKit/)
    expect(await tab.page.locator('.command:visible code').first().textContent()).not.toContain('docker')
  })

  test('a Helm chart says its version, and is pulled by helm', async () => {
    const tab = await open('/ui/charts/ledger:1.2.0')

    const shown = await text(tab)
    for (const line of [/Kind\s+Helm chart/, /Chart\s+ledger/, /Version\s+1.2.0/, /App\s+7/]) expect(shown).toMatch(line)
    expect(await tab.page.getByRole('link', { name: 'https://ledger.example' }).getAttribute('rel')).toContain('noreferrer')
    expect(await tab.page.locator('.command:visible code').first().textContent()).toBe(
      `helm pull --plain-http oci://${url.replace('http://', '')}/charts/ledger --version 1.2.0`,
    )
  })

  test('a static program is built on nothing, runs as root, and its annotations are shown', async () => {
    const tab = await open('/ui/tools/static:1')

    const shown = await text(tab)
    for (const line of [/Built on\s+nothing \(scratch\)/, /User\s+root/, /com.example.team\s+tools/]) expect(shown).toMatch(line)
  })

  test('its manifest and its config can be read as they are; a layer cannot', async () => {
    const tab = await open('/ui/team/payments:2.3.1')
    const { page } = tab

    await page.getByRole('link', { name: 'as its builder wrote it' }).click()
    expect(JSON.parse(await page.locator('body').innerText())).toMatchObject({ config: { User: '1000' } })
    const layer = await page.request.get(`${url}/ui/team/payments@${pushed.service}/layer-0`)
    expect(layer.status()).toBe(404)
  })
})
