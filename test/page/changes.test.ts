import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry } from '../support/access-registry.ts'
import { CHROMIUM, follow, type Tab, TestBrowser } from '../support/browser.ts'
import { PageImages, SERVICE } from '../support/page-images.ts'
import { signIn } from '../support/page-session.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(120_000)

const ACCESS = `  rules:
    - {who: ['user:owner'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:writer'], repositories: ['**'], can: [pull, push, list]}
    - {who: ['user:reader', 'robot:ci'], repositories: ['**'], can: [pull, list]}
`
const USERS = ['owner', 'writer', 'reader'] as const

describeWith({ programs: [CHROMIUM] }, 'what is changed on the page', () => {
  let registry: AccessRegistry
  let browser: TestBrowser
  let owner: RegistryClient
  let images: PageImages

  beforeAll(async () => {
    registry = await AccessRegistry.start({ access: ACCESS })
    for (const user of USERS) await registry.addUser(user, `${user}-secret`)
    owner = registry.basic('owner', 'owner-secret')
    images = new PageImages(owner)
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  async function openAs(user: (typeof USERS)[number], path: string, javaScript = true): Promise<Tab> {
    const tab = await browser.open(`${registry.url}/ui/-/sign-in?to=${encodeURIComponent(path)}`, { javaScript })
    await tab.page.getByLabel('Name').fill(user)
    await tab.page.getByLabel(/^Password/).fill(`${user}-secret`)
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await tab.page.getByText('Sign out').waitFor()
    return tab
  }

  let pushed = 0
  /** Images that no other repository has. */
  async function push(repository: string): Promise<{ readonly first: string; readonly second: string }> {
    pushed += 1
    const first = await images.push(repository, ['1', 'latest', 'old'], { ...SERVICE, layers: [70_000 + pushed] })
    const second = await images.push(repository, ['2', 'latest'], { ...SERVICE, layers: [90_000 + pushed] })
    return { first: first.digest, second: second.digest }
  }
  const tagsOf = async (repository: string) => {
    const answer = await owner.request('GET', `/v2/${repository}/tags/list`)
    return answer.status === 404 ? [] : ((await answer.json()) as { tags: string[] }).tags
  }
  const goes = async ({ page }: Tab) => (await page.locator('main tbody td.name').allInnerTexts()).toSorted()

  test('chosen tags go after a look at what goes, and each can be brought back', async () => {
    await push('a/tags')
    const tab = await openAs('owner', '/ui/a/tags')
    const { page } = tab

    for (const tag of ['1', 'old']) await page.getByLabel(`Choose ${tag}`, { exact: true }).check()
    await follow(page, () => page.getByRole('button', { name: 'Delete…' }).click())
    expect(await goes(tab)).toEqual(['1', 'old'])
    expect(await page.locator('main').innerText()).toContain('1 image loses its last tag and stays')
    expect(await tagsOf('a/tags')).toEqual(['1', '2', 'latest', 'old'])
    await page.getByRole('button', { name: 'Delete 2 tags, frees nothing' }).click()
    await page.waitForURL('**/ui/a/tags/-/deleted')
    expect(await tagsOf('a/tags')).toEqual(['2', 'latest'])
    await page.getByRole('button', { name: 'Bring old back' }).click()
    await page.waitForURL('**/ui/a/tags:old')
    expect(await tagsOf('a/tags')).toEqual(['2', 'latest', 'old'])
    expect(tab.complaints).toEqual([])
  })

  test('an image goes with all its tags; the button says how much that frees and when, without JavaScript too', async () => {
    const { second } = await push('a/image')
    const tab = await openAs('owner', '/ui/a/image:2', false)
    const { page } = tab

    await page.goto(`${registry.url}/ui/a/image@${second}`)
    await follow(page, () => page.getByRole('link', { name: 'Delete…' }).click())
    expect(await goes(tab)).toEqual(['2', 'latest', second.slice(7, 19)].toSorted())
    const button = page.getByRole('button', {
      name: /^Delete 2 tags and 1 image, frees \d+ kB (?:today|tomorrow|\d{4}-\d\d-\d\d) at \d\d:\d\d UTC$/,
    })
    await button.click()
    expect(new URL(page.url()).pathname).toBe('/ui/a/image/-/deleted')
    expect(await tagsOf('a/image')).toEqual(['1', 'old'])
    expect(await page.locator('main tbody tr').innerText()).toContain('owner')
  })

  test('what was pushed since the look keeps the deletion from taking place', async () => {
    await push('a/raced')
    const tab = await openAs('owner', '/ui/a/raced/-/delete?all=yes')
    const { page } = tab
    const button = page.getByRole('button', { name: /^Delete 4 tags and 2 manifests/ })
    await button.waitFor()

    await images.push('a/raced', ['3'], SERVICE)
    await button.click()

    expect(await page.getByRole('alert').innerText()).toContain('look again')
    expect(await tagsOf('a/raced')).toHaveLength(5)
    await page.getByRole('button', { name: /^Delete 5 tags and 3 manifests/ }).click()
    await page.waitForURL('**/-/deleted')
    expect(await tagsOf('a/raced')).toEqual([])
  })

  test('tags that fit a pattern go, and the form that asks for it needs no JavaScript', async () => {
    await images.push('a/pattern', ['pr-1', 'pr-2', 'main'], SERVICE)
    const tab = await openAs('owner', '/ui/a/pattern/-/delete', false)
    const { page } = tab

    await page.getByLabel('Tags that fit a pattern').fill('pr-*')
    await follow(page, () => page.getByRole('button', { name: 'Show what would go' }).click())
    expect(await goes(tab)).toEqual(['pr-1', 'pr-2'])
    await page.getByRole('button', { name: 'Delete 2 tags, frees nothing' }).click()
    expect(await tagsOf('a/pattern')).toEqual(['main'])
  })

  test('an image of an image index is not taken from it', async () => {
    const index = await images.pushIndex(
      'a/index',
      ['1'],
      [
        { ...SERVICE, layers: [1] },
        { ...SERVICE, architecture: 'arm64' },
      ],
    )
    const tab = await openAs('owner', '/ui/a/index:1')
    const { page } = tab

    await follow(page, () => page.getByRole('link', { name: 'linux/arm64' }).click())
    await follow(page, () => page.getByRole('link', { name: 'Delete…' }).click())
    expect(await page.locator('main').innerText()).toContain('Delete the image index first')
    expect(await page.getByRole('button', { name: /^Delete/ }).count()).toBe(0)
    await page.getByRole('link', { name: index.digest.slice(7, 19) }).click()
    expect(new URL(page.url()).pathname).toBe(`/ui/a/index@${index.digest}`)
  })

  test('a tag that has moved on comes back under another name', async () => {
    await push('a/moved')
    await expectStatus(await owner.request('DELETE', '/v2/a/moved/manifests/old'), 202)
    await images.push('a/moved', ['old'], SERVICE)
    const tab = await openAs('writer', '/ui/a/moved/-/deleted')
    const { page } = tab

    await page.getByRole('button', { name: 'Bring old back' }).click()
    expect(await page.getByRole('alert').innerText()).toContain('points elsewhere by now')
    await page.getByLabel('Tag under which it comes back').fill('older')
    await page.getByRole('button', { name: 'Bring it back' }).first().click()
    await page.waitForURL('**/ui/a/moved:older')
    expect(await tagsOf('a/moved')).toContain('older')
  })

  test('a tag is pointed back to where it was, and its history tells by which caller', async () => {
    const { first, second } = await push('a/back')
    const tab = await openAs('writer', '/ui/a/back:2/history')
    const { page } = tab
    expect(await page.locator('main').innerText()).not.toContain('has no other tag')

    await page.goto(`${registry.url}/ui/a/back:latest/history`)
    await page.getByRole('button', { name: 'Point latest here' }).click()
    await page.getByText('tag restore').waitFor()

    expect(await page.locator('main tbody tr').first().innerText()).toMatch(
      new RegExp(`${first.slice(7, 19)}[^]*writer[^]*tag restore`),
    )
    expect((await owner.headManifest('a/back', 'latest')).headers.get('docker-content-digest')).toBe(first)
    await page.goto(`${registry.url}/ui/a/back:2/history`)
    expect(await page.locator('main').innerText()).toContain('its present image has no other tag')
    expect(second).not.toBe(first)
  })

  test('a description is given and taken back, and is text whatever it is', async () => {
    await push('a/described')
    const tab = await openAs('writer', '/ui/a/described')
    const { page } = tab

    await page.getByRole('link', { name: 'Describe it' }).click()
    await page.getByLabel('What it is, in a line').fill(`<script>document.title='taken'</script> & more`)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL('**/ui/a/described')
    expect(await page.locator('.description').innerText()).toContain(`<script>document.title='taken'</script> & more`)
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByLabel('What it is, in a line').fill('')
    await page.getByRole('button', { name: 'Save' }).click()
    expect(await page.locator('.description').innerText()).toContain('Takes payments')
    expect(tab.complaints).toEqual([])
  })

  test('each user has one star to give, and to take back', async () => {
    await push('a/star')
    const reader = await openAs('reader', '/ui/a/star')
    const says = async ({ page }: Tab) => (await page.locator('.star').innerText()).replaceAll(/\s+/g, ' ').trim()
    expect(await says(reader)).toBe('Give a star')
    await reader.page.getByRole('button', { name: 'Give a star' }).click()
    await reader.page.getByRole('button', { name: 'Take the star back' }).waitFor()
    const writer = await openAs('writer', '/ui/a/star', false)
    await writer.page.getByRole('button', { name: 'Give a star' }).click()
    expect(await says(writer)).toBe('★ 2 stars Take the star back')
    await reader.page.getByRole('button', { name: 'Take the star back' }).click()
    await reader.page.getByRole('button', { name: 'Give a star' }).waitFor()
    expect(await says(reader)).toBe('★ 1 stars Give a star')
  })

  test('who may not is offered nothing, and a form that is sent all the same changes nothing', async () => {
    const { first } = await push('a/rights')
    const reader = await openAs('reader', '/ui/a/rights')
    const robot = await registry.addRobot('ci')

    expect(await reader.page.getByRole('button').allTextContents()).toEqual([
      'Sign out',
      'Give a star',
      'Copy',
      'Compare',
      'Keyboard ?',
    ])
    expect(
      await reader.page
        .locator('main')
        .getByRole('link', { name: /Describe|Deleted/ })
        .count(),
    ).toBe(0)
    const before = await owner.request('GET', '/api/v1/repositories/a/rights')
    const known = await before.text()
    const forms: readonly (readonly [path: string, fields: Readonly<Record<string, string>>, reader: number, robot: number])[] = [
      ['/ui/a/rights/-/delete?all=yes', { token: 'x' }, 403, 403],
      ['/ui/a/rights/-/delete?tag=1', { token: 'x' }, 403, 403],
      ['/ui/a/rights/-/deleted', { id: 'x' }, 403, 403],
      ['/ui/a/rights/-/description', { text: 'x' }, 403, 403],
      ['/ui/a/rights:latest/history', { digest: first }, 403, 403],
      ['/ui/a/rights/-/star', { star: 'give' }, 303, 403],
    ]
    const sessions = [
      await signIn(registry.client(), { name: 'reader', password: 'reader-secret' }),
      await signIn(registry.client(), { name: 'ci', password: robot }),
    ]
    for (const [path, fields, ...statuses] of forms) {
      for (const [place, { headers }] of sessions.entries()) {
        const origin = new URL(registry.url).origin
        const answer = await registry
          .client()
          .request('POST', path, { headers: { ...headers, origin }, body: new URLSearchParams(fields) })
        expect([path, place, answer.status]).toEqual([path, place, statuses[place] ?? 0])
      }
    }
    await registry.client().request('POST', '/ui/a/rights/-/star', {
      headers: { ...sessions[0]?.headers, origin: new URL(registry.url).origin },
      body: new URLSearchParams({ star: 'take' }),
    })
    expect(await (await owner.request('GET', '/api/v1/repositories/a/rights')).text()).toBe(known)
  })
})
