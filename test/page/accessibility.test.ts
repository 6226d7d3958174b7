import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import axe from 'axe-core'
import { AccessRegistry } from '../support/access-registry.ts'
import { CHROMIUM, type Tab, TestBrowser } from '../support/browser.ts'
import { triesAll } from '../support/effort.ts'
import { PageImages, pushForEveryScreen } from '../support/page-images.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(120_000)

const ACCESS = `  rules:
    - {who: [anonymous], repositories: ['team/**', 'library/**', 'tools/**', 'web/**'], can: [pull, list]}
    - {who: ['user:alice'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:bob'], repositories: ['none/**'], can: [pull, list]}
`
const SCREENS = [
  ...['/', '/?q=a', '/?q=nothing-has-this', '/ui/team/payments', '/ui/team/payments:2.3.1', '/ui/team/ledger:latest'],
  ...['/ui/team/payments:latest/history', '/ui/-/sign-in', '/ui/team/none', '/?sort=moved', '/ui/-/activity'],
  ...['/ui/team/payments?sort=size&q=2', '/ui/team/payments/-/compare?from=2.3.0&to=2.3.1', '/ui/team/payments/-/space'],
]
/** Those of a caller who may change something. */
const OWN_SCREENS = [
  ...['/ui/team/payments', '/ui/team/payments/-/description', '/ui/team/payments/-/delete', '/ui/team/payments/-/deleted'],
  ...['/ui/team/payments/-/delete?all=yes', '/ui/team/payments:latest/history'],
]

describeWith({ programs: [CHROMIUM] }, 'the page', () => {
  let registry: AccessRegistry
  let browser: TestBrowser

  beforeAll(async () => {
    registry = await AccessRegistry.start({ access: ACCESS })
    for (const user of ['alice', 'bob']) await registry.addUser(user, `${user}-secret`)
    await pushForEveryScreen(new PageImages(registry.basic('alice', 'alice-secret')))
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
    // Nothing is wider than the window.
    expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
  }

  const all = (['light', 'dark'] as const).flatMap((theme) => [1280, 768, 390].map((width) => ({ theme, width })))
  // Each theme and each width once.
  const looks = triesAll ? all : all.filter(({ theme, width }) => (theme === 'dark') === (width === 390))

  test.each(looks)('is accessible on every screen: %j', async ({ theme, width }) => {
    for (const path of SCREENS) {
      const tab = await browser.open(`${registry.url}${path}`, { theme, width })
      await expectAccessible(tab)
      await browser.closeTabs()
    }
    const owner = await browser.open(registry.url, { theme, width })
    await signInAs('alice', owner)
    for (const path of OWN_SCREENS) {
      await owner.page.goto(`${registry.url}${path}`)
      await expectAccessible(owner)
    }
    const signedIn = await browser.open(registry.url, { theme, width })
    await signInAs('bob', signedIn)
    expect(await signedIn.page.locator('h1').innerText()).toBe('Nothing that you may see')
    await expectAccessible(signedIn)
    await signedIn.page.keyboard.press('?')
    await expectAccessible(signedIn)
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
