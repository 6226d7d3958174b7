import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { CHROMIUM, follow, type TabOptions, TestBrowser } from '../support/browser.ts'
import { PageImages, pushForEveryScreen } from '../support/page-images.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'

setDefaultTimeout(120_000)

describeWith({ programs: [CHROMIUM] }, 'in a browser', () => {
  let registry: RestartableRegistry
  let browser: TestBrowser
  let url: string
  let pushed: { readonly service: string; readonly signature: string }

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'inmemory', server: listen })
    url = registry.url ?? ''
    pushed = await pushForEveryScreen(new PageImages(new RegistryClient(url)))
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  const open = async (path: string, options?: TabOptions) => await browser.open(`${url}${path}`, options)
  const host = () => url.replace('http://', '')

  test('the list has each repository with its description, as a link', async () => {
    const { page, complaints } = await open('/')

    const rows = page.locator('main tbody tr')
    expect(await rows.locator('td.name').allTextContents()).toEqual([
      ...['library/alpine', 'team/ledger', 'team/payments', 'tools/lint', 'web/frontend'],
    ])
    expect(await rows.nth(2).textContent()).toContain('Takes payments and tells the ledger.')
    await follow(page, () => page.getByRole('link', { name: 'team/payments' }).click())
    expect(new URL(page.url()).pathname).toBe('/ui/team/payments')
    await page.goBack()
    expect(new URL(page.url()).pathname).toBe('/')
    expect(complaints).toEqual([])
  })

  test('a search answers while it is typed, and its address finds the same again', async () => {
    const { page, complaints } = await open('/')

    await page.keyboard.press('/')
    await page.keyboard.type('lint', { delay: 10 })
    await page.getByText('1 repository').waitFor()

    expect(await page.locator('main td.name').allTextContents()).toEqual(['tools/lint'])
    expect(await page.evaluate('document.activeElement.name')).toBe('q')
    expect(new URL(page.url()).search).toBe('?q=lint')
    await page.reload()
    expect(await page.locator('main td.name').allTextContents()).toEqual(['tools/lint'])
    expect(await page.getByLabel('Search repositories').inputValue()).toBe('lint')
    expect(complaints).toEqual([])
  })

  test('each client has its command, by tag and by digest, with the address that the browser used', async () => {
    const { page } = await open('/ui/team/payments:2.3.1')
    const image = `${host()}/team/payments`

    const shown: string[] = []
    for (const client of ['docker', 'podman', 'containerd', 'crane']) {
      await page.getByText(client, { exact: true }).click()
      shown.push(...(await page.locator('.command:visible code').allTextContents()))
    }

    expect(shown).toEqual(
      [
        ['docker pull', ''],
        ['podman pull --tls-verify=false', ''],
        ['ctr images pull --plain-http', ''],
        ['crane pull', ' image.tar'],
      ].flatMap(([before, after]) => [`${before} ${image}:2.3.1${after}`, `${before} ${image}@${pushed.service}${after}`]),
    )
    await page.reload()
    expect(await page.locator('.command:visible code').first().textContent()).toStartWith('crane pull')
  })

  test('what is copied is the command, by its button and by a key', async () => {
    const { page, context } = await open('/ui/team/payments:2.3.1')
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()')

    await page.locator('.command:visible button').nth(1).click()
    await page.getByText('Copied:').waitFor()
    const byButton = await clipboard()
    await page.goto(`${url}/ui/team/payments`)
    for (let row = 0; row < 5; row += 1) await page.keyboard.press('j')
    await page.keyboard.press('c')
    await page.getByText('Copied:').waitFor()

    expect(byButton).toBe(`docker pull ${host()}/team/payments@${pushed.service}`)
    expect(await clipboard()).toBe(`docker pull ${host()}/team/payments:2.3.0`)
  })

  test('a digest that is shown by its first letters is copied whole', async () => {
    const { page, context } = await open('/ui/team/payments:2.3.1')
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const digest = page.locator('main td.digest code').first()

    await digest.dblclick()
    await page.keyboard.press('Control+c')

    expect(await digest.innerText()).toHaveLength(12)
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toBe((await digest.getAttribute('title')) ?? '')
  })

  test('the history of a tag tells where it pointed, and leads there', async () => {
    const { page, complaints } = await open('/ui/team/payments:latest/history')

    const rows = page.locator('main tbody tr')
    expect(await rows.count()).toBe(2)
    expect(await rows.nth(0).locator('td.name').textContent()).toBe(pushed.service.slice(7, 19))
    expect(await rows.nth(1).innerText()).toContain('manifest push')
    await rows.nth(1).getByRole('link').click()
    expect(await page.locator('main').innerText()).toContain('tagged 2.3.0')
    expect(complaints).toEqual([])
  })

  test('keys lead from row to row, into one, and to the list of keys', async () => {
    const { page } = await open('/')
    const focused = () => page.evaluate<string>('document.activeElement.textContent')

    for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key)
    expect(await focused()).toBe('team/ledger')
    await page.keyboard.press('?')
    expect(await page.getByRole('dialog', { name: 'Keyboard' }).isVisible()).toBe(true)
    await page.keyboard.press('Escape')
    expect(await page.getByRole('dialog').isVisible()).toBe(false)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/ui/team/ledger')
  })

  test('without JavaScript each list, page and form works, and nothing that needs it is shown', async () => {
    const { page } = await open('/', { javaScript: false })

    await page.getByLabel('Search repositories').fill('payments')
    await follow(page, () => page.getByLabel('Search repositories').press('Enter'))
    await follow(page, () => page.getByRole('link', { name: 'team/payments' }).click())
    await page.getByText('podman', { exact: true }).click()
    expect(await page.locator('.command:visible code').allTextContents()).toEqual([
      `podman pull --tls-verify=false ${host()}/team/payments:2.3.1`,
    ])
    expect(await page.locator('button:visible').allTextContents()).toEqual(['Compare', 'Delete…'])
    await follow(page, () => page.locator('main td.name').getByRole('link', { name: 'latest', exact: true }).click())
    await follow(page, () => page.getByRole('link', { name: 'Where this tag pointed before' }).click())
    expect(await page.locator('main tbody tr').count()).toBe(2)
  })
})
