import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry, basic } from '../support/access-registry.ts'
import { CHROMIUM, type Tab, TestBrowser } from '../support/browser.ts'
import { signIn } from '../support/page-session.ts'
import { describeWith } from '../support/requirements.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

setDefaultTimeout(120_000)

const ACCESS = `  admins: ['user:admin']
  rules:
    - {who: ['group:crew'], repositories: ['team/**'], can: [pull, push, list]}
    - {who: [authenticated], repositories: ['public/**'], can: [pull, list]}
`

describeWith({ programs: [CHROMIUM] }, 'accounts on the page', () => {
  let registry: AccessRegistry
  let browser: TestBrowser

  beforeAll(async () => {
    registry = await AccessRegistry.start({ access: ACCESS, more: 'events: {webhooks: {loopback: true}}\n' })
    for (const user of ['admin', 'reader']) await registry.addUser(user, `${user}-secret`)
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  async function openAs(user: string, path: string): Promise<Tab> {
    const tab = await browser.open(`${registry.url}/ui/-/sign-in?to=${encodeURIComponent(path)}`, { javaScript: false })
    await tab.page.getByLabel('Name').fill(user)
    await tab.page.getByLabel(/^Password/).fill(`${user}-secret`)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await tab.page.getByText('Sign out').waitFor()
    return tab
  }
  const statusOf = async (name: string, password: string) =>
    (await fetch(`${registry.url}/v2/`, { headers: { authorization: basic(name, password) } })).status

  test('an admin adds a user and puts it into a group, and the rules say what it may do by that', async () => {
    const { page, complaints } = await openAs('admin', '/ui/-/users')
    await page.getByLabel('Name').fill('bob')
    await page.getByLabel('Password').last().fill('bob-secret')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.locator('td.name', { hasText: 'bob' }).waitFor()
    expect(await statusOf('bob', 'bob-secret')).toBe(200)

    await page.goto(`${registry.url}/ui/-/groups`)
    await page.getByLabel(/^Group/).fill('crew')
    await page.getByLabel('User').last().fill('bob')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.locator('td.name', { hasText: 'crew' }).waitFor()

    await page.goto(`${registry.url}/ui/-/rules`)
    await page.getByLabel('Caller').fill('bob')
    await page.getByLabel('Repository').fill('team/app')
    await page.getByRole('button', { name: 'Ask' }).click()
    const box = page.locator('.box')
    await box.filter({ hasText: /decides/ }).waitFor()
    const answer = await box.innerText()
    expect(answer).toMatch(/May\s+pull, push, list/)
    expect(answer).toContain('Rule 1 decides: it is the first about this caller and this repository.')
    await page.locator('tbody tr').nth(1).waitFor()
    expect(await page.locator('tbody tr').count()).toBe(2)

    await page.goto(`${registry.url}/ui/-/users`)
    await page.getByText('Change bob').click()
    await page.getByRole('button', { name: /^Remove bob/ }).click()
    await page.locator('td.name', { hasText: 'bob' }).waitFor({ state: 'detached' })
    expect(await statusOf('bob', 'bob-secret')).toBe(401)
    expect(complaints).toEqual([])
  })

  test('a user changes the own password with the old one: other sessions end, this one goes on', async () => {
    const other = await signIn(registry.client(), { name: 'reader', password: 'reader-secret' })
    const { page } = await openAs('reader', '/')
    await page.getByRole('link', { name: 'reader' }).click()
    const fill = async (old: string) => {
      await page.getByLabel('Password by now').fill(old)
      await page.getByLabel('New password').fill('another-secret')
      await page.getByRole('button', { name: 'Set the password' }).click()
    }

    await fill('wrong')
    expect(await page.getByRole('alert').innerText()).toContain('wrong')
    expect(await statusOf('reader', 'reader-secret')).toBe(200)
    await fill('reader-secret')
    await page.getByRole('alert').waitFor({ state: 'detached' })

    expect([await statusOf('reader', 'reader-secret'), await statusOf('reader', 'another-secret')]).toEqual([401, 200])
    expect(await page.locator('h1').innerText()).toBe('reader')
    const ended = await registry.client().request('GET', '/ui/-/account', { headers: other.headers })
    expect(ended.status).toBe(401)
    // What is for admins is not offered, and not there.
    expect(await page.getByRole('link', { name: 'Users' }).count()).toBe(0)
    expect((await page.goto(`${registry.url}/ui/-/users`))?.status()).toBe(403)
    expect((await page.goto(`${registry.url}/ui/-/webhooks`))?.status()).toBe(403)
    await page.goto(`${registry.url}/ui/-/rules?repository=public/app&who=user:admin`)
    expect(await page.locator('.box').innerText()).toMatch(/Caller\s+user:reader[\s\S]*May\s+pull, list/)
  })

  test('a robot has its token shown once, and is revoked', async () => {
    const { page } = await openAs('admin', '/ui/-/account')
    await page.getByLabel('Name of a new robot').fill('admin.ci')
    await page.getByLabel('What it may do').fill('team/**:pull public/**:pull,list')
    await page.getByRole('button', { name: 'Make it' }).click()
    const token = await page.locator('[role=status] .command code').innerText()

    expect(token).toStartWith('berth_robot_')
    expect(await statusOf('admin.ci', token)).toBe(200)
    await page.goto(`${registry.url}/ui/-/account`)
    expect(await page.content()).not.toContain(token)
    await page.getByText('Change admin.ci').click()
    await page.getByRole('button', { name: 'Revoke admin.ci' }).click()
    await page.locator('td.name', { hasText: 'admin.ci' }).waitFor({ state: 'detached' })
    expect(await statusOf('admin.ci', token)).toBe(401)
  })

  test('a webhook is added, tested and removed, and one whose address is forbidden is not', async () => {
    using receiver = new WebhookReceiver()
    const { page } = await openAs('admin', '/ui/-/webhooks')
    const add = async (url: string) => {
      await page.getByLabel('Name').fill('ci')
      await page.getByLabel('Address').fill(url)
      await page.getByLabel(/^Kinds/).fill('user.add manifest.push')
      await page.getByRole('button', { name: 'Add', exact: true }).click()
    }

    await add('http://169.254.169.254/')
    expect(await page.getByRole('alert').innerText()).toContain('an address that webhooks never go to')
    await add(receiver.url)
    expect(await page.locator('[role=status] .command code').innerText()).toStartWith('whsec_')
    await page.getByText('Change ci').click()
    await page.getByRole('button', { name: 'Send a test to ci' }).click()
    await page.locator('[role=status]').filter({ hasText: 'ci takes it: 202 Accepted' }).waitFor()
    expect(receiver.taken.length).toBe(1)
    await page.getByRole('link', { name: 'ci', exact: true }).click()
    await page.getByRole('heading', { name: 'Sent to ci' }).waitFor()
    await page.getByText('Change ci').click()
    await page.getByRole('button', { name: 'Remove ci' }).click()
    await page.getByText('Nothing is told of what happens here').waitFor()
  })
})
