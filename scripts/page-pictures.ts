import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AccessRegistry } from '../test/support/access-registry.ts'
import { type Tab, TestBrowser } from '../test/support/browser.ts'
import { PageArtifacts } from '../test/support/page-artifacts.ts'
import {
  imageOf,
  PageImages,
  pushForEveryScreen,
  pushForOtherScreens,
  READS_LAYERS,
  SERVICE,
} from '../test/support/page-images.ts'

/** `npm run pictures [FOLDER]`: pictures of the page's screens for docs/page/; into another folder, all of them in each width and theme. */
const [folder = ''] = process.argv.slice(2)
const DOCS = join(import.meta.dir, '../docs/page')

const ACCESS = `  admins: ['user:alice']
  rules:
    - {who: [anonymous], repositories: ['team/**', 'library/**', 'tools/**', 'web/**', 'charts/**'], can: [pull, list]}
    - {who: ['user:alice'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:bob'], repositories: ['none/**'], can: [pull, list]}
`
const SCREENS: Readonly<Record<string, string>> = {
  repositories: '/',
  newest: '/?sort=moved',
  search: '/?q=pay',
  repository: '/ui/team/payments',
  image: '/ui/team/payments:2.3.1',
  'image-index': '/ui/team/payments:attested',
  chart: '/ui/charts/ledger:1.2.0',
  signature: '/ui/team/payments:SIGNATURE',
  inside: '/ui/tools/debian/-/inside?of=12',
  files: '/ui/tools/debian/-/files?of=12&path=/etc',
  compare: '/ui/team/payments/-/compare?from=2.3.0&to=2.3.1',
  space: '/ui/team/payments/-/space',
  activity: '/ui/-/activity',
  account: '/ui/-/account',
  users: '/ui/-/users',
  groups: '/ui/-/groups',
  rules: '/ui/-/rules?who=user:bob&repository=team/payments',
  webhooks: '/ui/-/webhooks',
  deployments: '/ui/-/deployments',
  'all-space': '/ui/-/space',
  history: '/ui/team/payments:latest/history',
  deletion: '/ui/team/payments/-/delete?all=yes',
  deleted: '/ui/team/payments/-/deleted',
  description: '/ui/team/payments/-/description',
  'not-here': '/ui/team/payments:none',
}

await using registry = await AccessRegistry.start({ access: ACCESS, storage: READS_LAYERS })
for (const user of ['alice', 'bob']) await registry.addUser(user, `${user}-secret`)
await registry.berth(['group', 'add', 'developers', 'bob'])
await registry.addRobot('alice.ci', '--scope', 'team/**:pull,push')
await registry.berth([
  'webhook',
  'add',
  'ci',
  'https://ci.example.com/berth',
  '--repository',
  'team/**',
  '--kind',
  'manifest.push',
])
const client = registry.basic('alice', 'alice-secret')
const images = new PageImages(client)
const pushed = await pushForEveryScreen(images)
await pushForOtherScreens(client, pushed.service)
const artifacts = new PageArtifacts(client, images)
const service = imageOf(SERVICE).manifest
const signature = await artifacts.cosignSignature('team/payments', service)
await artifacts.sbom('team/payments', service)
await artifacts.attestedIndex('team/payments', 'attested', service)
await artifacts.chart('charts/ledger', '1.2.0', {
  name: 'ledger',
  version: '1.2.0',
  appVersion: '7',
  description: 'Books what is paid.',
})
await images.push('team/payments', ['pr-7'], { ...SERVICE, layers: [281_000, 9_000] })
await client.request('DELETE', '/v2/team/payments/manifests/pr-7')
await using browser = await TestBrowser.start()

async function signIn({ page }: Tab, name: string): Promise<void> {
  await page.goto(`${registry.url}/ui/-/sign-in`)
  await page.getByLabel('Name').fill(name)
  await page.getByLabel(/^Password/).fill(`${name}-secret`)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('Sign out').waitFor()
}

/** As WebP, which Chromium makes: a quarter of a PNG. */
async function picture({ page }: Tab, name: string): Promise<void> {
  const png = await page.screenshot({ fullPage: folder !== '' })
  const blank = await page.context().newPage()
  const webp = await blank.evaluate<string>(`(async () => {
    const image = new Image()
    image.src = 'data:image/png;base64,${png.toString('base64')}'
    await image.decode()
    const canvas = document.createElement('canvas')
    canvas.width = image.width
    canvas.height = image.height
    canvas.getContext('2d').drawImage(image, 0, 0)
    return canvas.toDataURL('image/webp', 0.8)
  })()`)
  await blank.close()
  const bytes = Buffer.from(webp.slice(webp.indexOf(',') + 1), 'base64')
  await Bun.write(join(folder === '' ? DOCS : folder, `${name}.webp`), bytes)
}

const looks =
  folder === ''
    ? [{ width: 1280, theme: 'light', suffix: '' } as const]
    : ([1280, 768, 390] as const).flatMap((width) =>
        (['light', 'dark'] as const).map((theme) => ({ width, theme, suffix: `-${width}-${theme}` })),
      )
if (folder !== '') await mkdir(folder, { recursive: true })
for (const { width, theme, suffix } of looks) {
  const tab = await browser.open(registry.url, { width, theme, height: 800 })
  await tab.page.goto(`${registry.url}/ui/secret/app`)
  await picture(tab, `sign-in${suffix}`)
  await signIn(tab, 'alice')
  for (const [name, path] of Object.entries(SCREENS)) {
    await tab.page.goto(`${registry.url}${path.replace('SIGNATURE', signature)}`)
    await picture(tab, `${name}${suffix}`)
  }
  await tab.page.keyboard.press('?')
  await picture(tab, `keys${suffix}`)
  await tab.page.keyboard.press('Escape')
  await tab.page.getByRole('button', { name: 'Sign out' }).click()
  await signIn(tab, 'bob')
  await picture(tab, `empty${suffix}`)
  await browser.closeTabs()
}
