import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import axe from 'axe-core'
import { AccessRegistry } from '../support/access-registry.ts'
import { CHROMIUM, type Tab, TestBrowser } from '../support/browser.ts'
import { someOf, triesAll } from '../support/effort.ts'
import { PageImages, pushForEveryScreen, pushForOtherScreens, READS_LAYERS } from '../support/page-images.ts'
import { describeWith } from '../support/requirements.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'

setDefaultTimeout(300_000)

const ACCESS = `  admins: ['user:alice']
  rules:
    - {who: [anonymous], repositories: ['team/**', 'library/**', 'tools/**', 'web/**'], can: [pull, list]}
    - {who: ['user:alice'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:bob'], repositories: ['none/**'], can: [pull, list]}
`
const ALL_SCREENS = [
  ...['/', '/?q=a', '/?q=nothing-has-this', '/ui/team/payments', '/ui/team/payments:2.3.1', '/ui/team/ledger:latest'],
  ...['/ui/team/payments:latest/history', '/ui/-/sign-in', '/ui/team/none', '/?sort=moved', '/ui/-/activity'],
  ...['/ui/-/space', '/ui/-/deployments', '/ui/tools/debian/-/files?of=12', '/ui/tools/debian/-/compare?from=12&to=12.1'],
  ...['/ui/team/payments?sort=size&q=2', '/ui/team/payments/-/compare?from=2.3.0&to=2.3.1', '/ui/team/payments/-/space'],
]
/** Those of a caller who may change something. */
const ALL_OWN_SCREENS = [
  ...['/ui/team/payments', '/ui/team/payments/-/description', '/ui/team/payments/-/delete', '/ui/team/payments/-/deleted'],
  ...['/ui/team/payments/-/delete?all=yes', '/ui/team/payments:latest/history', '/ui/-/account', '/ui/-/users', '/ui/-/groups'],
  ...['/ui/-/rules?repository=team/payments', '/ui/-/webhooks?of=ci', '/ui/-/space'],
  ...['/ui/-/deployments', '/ui/tools/debian/-/inside?of=12'],
]
/** Each takes a second of the processor: a run looks at half of them. */
const SCREENS = someOf('screens', ALL_SCREENS, ALL_SCREENS.length / 2)
const OWN_SCREENS = someOf('screens of a caller who may change something', ALL_OWN_SCREENS, ALL_OWN_SCREENS.length / 2)
/** Of a caller who may see nothing, and the help over it. */
const NOTHING = 'nothing'

const WIDTHS = [1280, 768, 390] as const
interface Look {
  readonly theme: 'light' | 'dark'
  readonly width: (typeof WIDTHS)[number]
}
const ALL_LOOKS = (['light', 'dark'] as const).flatMap((theme) => WIDTHS.map((width): Look => ({ theme, width })))
/** Each theme and each width once. */
const LOOKS = triesAll ? ALL_LOOKS : ALL_LOOKS.filter(({ theme, width }) => (theme === 'dark') === (width === 390))
const random = new SeededRandom(seedFor('looks of screens'))
/** Each run tries a screen in one look, which chance picks anew; the nightly run in all. */
const LOOK_OF = new Map([...SCREENS, ...OWN_SCREENS, NOTHING].map((screen) => [screen, random.pick(LOOKS)]))
const isDrawn = (look: Look) => (screen: string) => triesAll || LOOK_OF.get(screen) === look
/** Those in which one of these screens is tried. */
const looksFor = (...screens: readonly string[]) => LOOKS.filter((look) => screens.some(isDrawn(look)))

describeWith({ programs: [CHROMIUM] }, 'the page', () => {
  let registry: AccessRegistry
  let browser: TestBrowser

  beforeAll(async () => {
    registry = await AccessRegistry.start({ access: ACCESS, storage: READS_LAYERS })
    for (const user of ['alice', 'bob']) await registry.addUser(user, `${user}-secret`)
    await registry.berth(['group', 'add', 'crew', 'bob'])
    await registry.addRobot('alice.ci')
    await registry.berth(['webhook', 'add', 'ci', 'https://ci.example.com/berth'])
    const client = registry.basic('alice', 'alice-secret')
    const { service } = await pushForEveryScreen(new PageImages(client))
    await pushForOtherScreens(client, service)
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  async function signInAs(name: string, tab: Tab): Promise<void> {
    await tab.page.getByRole('link', { name: 'Sign in' }).click()
    await tab.page.getByLabel('Name').fill(name)
    await tab.page.getByLabel(/^Password/).fill(`${name}-secret`)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await tab.page.getByText('Sign out').waitFor()
  }

  async function expectAccessible({ page }: Tab): Promise<void> {
    await page.evaluate(axe.source)
    const violations = await page.evaluate<{ id: string; nodes: string[] }[]>(`axe.run().then(({ violations }) =>
      violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary) })))`)
    expect([page.url(), violations]).toEqual([page.url(), []])
    await expectNothingWider(page)
  }

  /** Than the window, at each width. */
  async function expectNothingWider(page: Tab['page']): Promise<void> {
    const shown = page.viewportSize()
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      const excess = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
      expect([page.url(), width, Math.max(0, excess)]).toEqual([page.url(), width, 0])
    }
    if (shown !== null) await page.setViewportSize(shown)
  }

  test.each(looksFor(...SCREENS))('is accessible on each screen: %j', async (look) => {
    for (const path of SCREENS.filter(isDrawn(look))) {
      await expectAccessible(await browser.open(`${registry.url}${path}`, look))
      await browser.closeTabs()
    }
  })

  test.each(looksFor(...OWN_SCREENS))('is accessible on each screen of a caller who may change something: %j', async (look) => {
    const tab = await browser.open(registry.url, look)
    await signInAs('alice', tab)

    for (const path of OWN_SCREENS.filter(isDrawn(look))) {
      await tab.page.goto(`${registry.url}${path}`)
      await expectAccessible(tab)
    }
  })

  test.each(looksFor(NOTHING))('is accessible to a caller who may see nothing, with the help too: %j', async (look) => {
    const tab = await browser.open(registry.url, look)
    await signInAs('bob', tab)
    expect(await tab.page.locator('h1').innerText()).toBe('Nothing that you may see')
    await expectAccessible(tab)
    await tab.page.keyboard.press('?')
    await expectAccessible(tab)
  })

  test('signs in and out, with a wrong password first, and leads to where the reader wanted to go', async () => {
    const tab = await browser.open(`${registry.url}/ui/secret/app`)
    const { page } = tab
    const fill = async (password: string) => {
      await page.getByLabel('Name').fill('alice')
      await page.getByLabel(/^Password/).fill(password)
      await page.getByRole('button', { name: 'Sign in' }).click()
    }

    await fill('wrong')
    expect(await page.getByRole('alert').innerText()).toContain('wrong')
    await fill('alice-secret')
    await page.getByText('Not here').waitFor()
    expect(new URL(page.url()).pathname).toBe('/ui/secret/app')
    expect(await page.evaluate<string>('document.cookie')).toBe('')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('link', { name: 'Sign in' }).waitFor()
  })

  test('by Tab, all comes in the order in which it is read, and the first leads past the head', async () => {
    const { page } = await browser.open(registry.url)
    const focused = async () => {
      await page.keyboard.press('Tab')
      return await page.evaluate<string>('document.activeElement.textContent || document.activeElement.name')
    }

    const order: string[] = []
    for (let step = 0; step < 7; step += 1) order.push(await focused())

    expect(order).toEqual([
      'Skip to the content',
      new URL(registry.url).host,
      'q',
      'Sign in',
      'Newest first',
      'library/alpine',
      'team/ledger',
    ])
  })

  test('is readable on paper: each command is there, and nothing that is pressed', async () => {
    const { page } = await browser.open(`${registry.url}/ui/team/payments:2.3.1`, { media: 'print' })

    expect(await page.locator('.command:visible').count()).toBe(8)
    expect(await page.locator('button:visible, input:visible').count()).toBe(0)
  })
})
