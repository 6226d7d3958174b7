import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { CHROMIUM, follow, type Tab, type TabOptions, TestBrowser } from '../support/browser.ts'
import { PageArtifacts } from '../support/page-artifacts.ts'
import { PageImages, pushForEveryScreen, SERVICE } from '../support/page-images.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'

setDefaultTimeout(120_000)

const signal = new AbortController().signal
const TAGS = ['2.3.1', '2.3', '2.3.0', 'latest', 'stable']

describeWith({ programs: [CHROMIUM] }, 'the screen of a repository', () => {
  let registry: RestartableRegistry
  let browser: TestBrowser
  let client: RegistryClient
  let service: string
  /** Each request that came to the registry. */
  const asked: string[] = []

  beforeAll(async () => {
    registry = await RestartableRegistry.start({
      ...{ storage: 'inmemory', server: listen },
      observers: [{ ended: ({ target }) => asked.push(target) }],
    })
    client = new RegistryClient(registry.url ?? '')
    const images = new PageImages(client)
    service = (await pushForEveryScreen(images)).service
    await images.push('team/payments', ['large'], { ...SERVICE, created: '2026-04-01T08:00:00Z', layers: [900_000] })
    await images.push('web/old', ['2.0', 'latest'], { created: '2026-02-02T00:00:00Z' })
    await images.push('web/old', ['3.0'], { created: '2026-03-03T00:00:00Z', layers: [2_000] })
    await new PageArtifacts(client, images).chart('charts/ledger', '1.2.0_build.7', { name: 'ledger', version: '1.2.0+build.7' })
    await client.getManifest('team/payments', '2.3.1')
    await client.getManifest('team/payments', '2.3.1')
    await writeWhatWaits(registry.registry)
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  const open = async (path: string, options?: TabOptions) => await browser.open(`${registry.url}${path}`, options)
  const names = async ({ page }: Tab) => await page.locator('main tbody td.name a').allTextContents()
  const rowOf = ({ page }: Tab, tag: string) =>
    page.locator('main tbody tr').filter({ has: page.locator(`a[href$="payments:${tag}"]`) })
  const cells = async (tab: Tab, tag: string) => (await rowOf(tab, tag).locator('td').allInnerTexts()).map((text) => text.trim())

  test('tells how many tags and images it has, which tag is the newest, what latest is, and what it is built on', async () => {
    const tab = await open('/ui/team/payments')

    const text = await tab.page.locator('main').innerText()
    for (const words of [
      ...['Takes payments and tells the ledger.', '6 tags', '3 images', 'Debian bookworm', 'as 1000'],
      ...['/usr/local/bin/payments --listen :8080', 'pulled 2× this week', 'here alone', 'is 2.3.1, not the newest'],
    ])
      expect(text).toContain(words)
    expect(text).not.toContain('secret@db')
    expect(await tab.page.locator('.newest').count()).toBe(1)
    expect((await cells(tab, 'large'))[1]).toBe('largenewest')
    expect(tab.complaints).toEqual([])
  })

  test('tells of each tag which others are the same image, its platforms, size, its last move and its last pull', async () => {
    const tab = await open('/ui/team/payments')

    const [, name, same, platforms, size, moved, pulled] = await cells(tab, '2.3.1')
    expect([name, same, platforms, size, moved]).toEqual(['2.3.1', '2.3, latest, stable', 'amd64', '342 kB', 'just now'])
    expect(pulled).toBe('just now, 2×')
    expect((await cells(tab, '2.3.0')).at(-1)).toBe('')
    expect((await cells(tab, '2.3.0'))[2]).toMatch(/^[0-9a-f]{12}$/)
    expect(await rowOf(tab, '2.3.1').locator('time').first().getAttribute('title')).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/,
    )
  })

  test('of an image index the size is that of its first image, by which it is sorted too', async () => {
    const { page } = await open('/ui/team/ledger?sort=size')

    expect(await page.locator('main tbody td.number').first().innerText()).toBe('882 B')
    expect(await page.locator('main tbody tr').first().innerText()).toContain('amd64, arm64')
  })

  test('where latest is an older image, that is said', async () => {
    const { page } = await open('/ui/web/old')

    const text = await page.locator('dl.known').innerText()
    expect(text).toContain('3.0')
    expect(text).toMatch(/latest\s+is 2\.0, not the newest/)
    expect(await page.locator('tr', { has: page.locator('.newest') }).innerText()).toContain('3.0')
  })

  test('its tags are sorted by the heads of the columns, the address says so, and back goes back', async () => {
    const tab = await open('/ui/team/payments')
    const { page } = tab
    const byMove = await names(tab)

    await page.locator('th').getByRole('link', { name: 'Size' }).click()
    await page.waitForURL('**/payments?sort=size')
    expect((await names(tab))[0]).toBe('large')
    await page.locator('th').getByRole('link', { name: 'Size' }).click()
    await page.waitForURL('**/payments?sort=size&order=ascending')
    expect((await names(tab)).at(-1)).toBe('large')
    expect(await page.locator('th[aria-sort=ascending]').innerText()).toContain('Size')
    await follow(page, () => page.locator('th').getByRole('link', { name: 'by version' }).click())
    expect((await names(tab)).slice(0, 3)).toEqual(['2.3.1', '2.3.0', '2.3'])
    for (let step = 0; step < 3; step += 1) await page.goBack()
    expect(await names(tab)).toEqual(byMove)
    expect(byMove[0]).toBe('large')
  })

  test('a part of a name filters the tags while it is typed, and the address finds the same again', async () => {
    const tab = await open('/ui/team/payments?sort=name')
    const { page } = tab

    await page.getByLabel('Filter tags').pressSequentially('2.3.')
    await page.waitForURL('**/payments?sort=name&q=2.3.')

    expect(await names(tab)).toEqual(['2.3.0', '2.3.1'])
    expect(await page.evaluate('document.activeElement.placeholder')).toBe('Filter tags')
    await page.reload()
    expect(await names(tab)).toEqual(['2.3.0', '2.3.1'])
    await page.getByLabel('Filter tags').fill('none has this')
    await page.getByText('No tag has none has this in its name.').waitFor()
    expect(tab.complaints).toEqual([])
  })

  test('takes three requests at most', async () => {
    asked.length = 0
    const tab = await open('/ui/team/payments')
    const fresh = asked.splice(0)
    await tab.page.locator('th').getByRole('link', { name: 'Size' }).click()
    await tab.page.waitForURL('**/payments?sort=size')
    await tab.page.getByText('Compare').waitFor()

    expect([fresh.length, asked.length]).toEqual([3, 1])
  })

  test('a chart is pulled by helm, and a plus of its version is one', async () => {
    const { page } = await open('/ui/charts/ledger')

    expect(await page.locator('.command:visible code').allTextContents()).toEqual([
      `helm pull --plain-http oci://${(registry.url ?? '').replace('http://', '')}/charts/ledger --version 1.2.0+build.7`,
    ])
  })

  test('without JavaScript, tags are sorted, filtered and compared', async () => {
    const tab = await open('/ui/team/payments', { javaScript: false })
    const { page } = tab

    await page.getByLabel('Filter tags').fill('2.3.')
    await follow(page, () => page.getByLabel('Filter tags').press('Enter'))
    expect((await names(tab)).toSorted()).toEqual(['2.3.0', '2.3.1'])
    for (const tag of ['2.3.0', '2.3.1']) await page.getByLabel(`Choose ${tag}`).check()
    await page.getByRole('button', { name: 'Compare' }).click()
    expect(await page.locator('h1').innerText()).toContain('compare')
  })

  test('two tags are compared by their configs, layers and sizes', async () => {
    const { page, complaints } = await open('/ui/team/payments/-/compare?from=large&to=2.3.1')

    const text = await page.locator('main').innerText()
    expect(text).toMatch(/Layers\s+900 kB → 341 kB \(−559 kB\)/)
    expect(text).toMatch(/Config\s+says the same/)
    expect(await page.locator('main tbody tr').count()).toBe(4)
    await page.goto(`${registry.url}/ui/team/payments/-/compare?from=${service}&to=2.3`)
    expect(await page.locator('main').innerText()).toContain('Both are the same image')
    expect(complaints).toEqual([])
  })

  test('what takes the room is told of the whole, and of each tag', async () => {
    const { page, complaints } = await open('/ui/team/payments/-/space')

    expect(await page.locator('dl.known').first().innerText()).toMatch(/In all\s+1\.\d MB/)
    expect(await names({ page } as Tab)).toEqual(['2.3', '2.3.0', '2.3.1', 'large', 'latest', 'stable'])
    expect(await page.locator('main tbody tr', { hasText: 'large' }).locator('td.number').allInnerTexts()).toEqual([
      '901 kB',
      '901 kB',
    ])
    expect(complaints).toEqual([])
  })

  test('the activity tells what moved, of all repositories and of one', async () => {
    const { page, complaints } = await open('/ui/-/activity')

    expect(await page.locator('main td.name').first().innerText()).toBe('charts/ledger:1.2.0_build.7')
    await page.goto(`${registry.url}/ui/team/payments`)
    await follow(page, () =>
      page.getByRole('navigation', { name: 'More of team/payments' }).getByRole('link', { name: 'Activity' }).click(),
    )
    const shown = await page.locator('main td.name').allInnerTexts()
    expect(shown.length).toBe(TAGS.length + 2)
    expect(shown.every((name) => name.startsWith('team/payments:'))).toBe(true)
    expect(await page.locator('main').innerText()).toContain('moved from')
    expect(complaints).toEqual([])
  })
})

/** What the process that has these duties does every few seconds. */
async function writeWhatWaits({ retention, history }: Registry): Promise<void> {
  await retention.pulls.write()
  await history.restoreActivity(signal)
  await history.flush(signal)
}
