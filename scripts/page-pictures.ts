import { join } from 'node:path'
import { AccessRegistry } from '../test/support/access-registry.ts'
import { TestBrowser } from '../test/support/browser.ts'
import { PageImages, pushForEveryScreen } from '../test/support/page-images.ts'

/** `npx bun scripts/page-pictures.ts FOLDER [all]`: pictures of the page's screens; those of docs/page/, or all in each width and theme. */
const [folder = join(import.meta.dir, '../docs/page'), which = ''] = process.argv.slice(2)

const ACCESS = `  rules:
    - {who: [anonymous], repositories: ['team/**', 'library/**', 'tools/**', 'web/**'], can: [pull, list]}
    - {who: ['user:alice'], repositories: ['**'], can: [pull, push, list]}
    - {who: ['user:bob'], repositories: ['none/**'], can: [pull, list]}
`
const SCREENS = {
  repositories: '/',
  search: '/?q=pay',
  repository: '/ui/team/payments',
  image: '/ui/team/payments:2.3.1',
  'image-index': '/ui/team/ledger:latest',
  history: '/ui/team/payments:latest/history',
  'sign-in': '/ui/secret/app',
  'not-here': '/ui/team/payments:none',
} as const

await using registry = await AccessRegistry.start({ access: ACCESS })
for (const user of ['alice', 'bob']) await registry.addUser(user, `${user}-secret`)
await pushForEveryScreen(new PageImages(registry.basic('alice', 'alice-secret')))
await using browser = await TestBrowser.start()

const looks =
  which === 'all'
    ? ([1280, 768, 390] as const).flatMap((width) => (['light', 'dark'] as const).map((theme) => ({ width, theme })))
    : [{ width: 1280, theme: 'light' } as const]
for (const { width, theme } of looks) {
  const suffix = which === 'all' ? `-${width}-${theme}` : ''
  for (const [name, path] of Object.entries(SCREENS)) {
    if (which !== 'all' && !['repositories', 'repository', 'image'].includes(name)) continue
    const { page } = await browser.open(`${registry.url}${path}`, { width, theme, height: 800 })
    await page.screenshot({ path: join(folder, `${name}${suffix}.png`), fullPage: which === 'all' })
    await browser.closeTabs()
  }
  if (which !== 'all') continue
  const { page } = await browser.open(`${registry.url}/ui/-/sign-in`, { width, theme, height: 800 })
  await page.getByLabel('Name').fill('bob')
  await page.getByLabel(/^Password/).fill('bob-secret')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('Sign out').waitFor()
  await page.screenshot({ path: join(folder, `empty${suffix}.png`), fullPage: true })
  if (width === 1280) await page.keyboard.press('?')
  if (width === 1280) await page.screenshot({ path: join(folder, `keys${suffix}.png`) })
  await browser.closeTabs()
}
