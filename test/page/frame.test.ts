import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { gunzipSync } from 'node:zlib'
import { PageImages, pushForEveryScreen } from '../support/page-images.ts'
import { environmentIn, runToSuccess } from '../support/processes.ts'
import { onDriver } from '../support/registry.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { someServers } from '../support/wire.ts'

setDefaultTimeout(60_000)

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
const ASSETS = /(?:href|src)="([^"]*\/-\/page\.[0-9a-f]{16}\.(?:css|js))"/g

describe.each(someServers('the page'))('the page on %s', (_, server) => {
  let registry: RestartableRegistry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server })
    client = new RegistryClient(registry.url ?? '')
    await pushForEveryScreen(new PageImages(client))
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  test('is what a browser gets at /; every other client gets what registry:2 gives', async () => {
    const page = await client.request('GET', '/', { headers: BROWSER })
    const head = await client.request('HEAD', '/', { headers: BROWSER })
    const others = await Promise.all(
      ['*/*', 'application/json', ''].map((accept) => client.request('GET', '/', { headers: { accept } })),
    )

    const text = await page.text()
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(text).toStartWith('<!doctype html>')
    expect(Number(page.headers.get('content-length'))).toBe(Buffer.byteLength(text))
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      page.headers.get('content-length'),
      '',
    ])
    for (const other of others) {
      expect([other.status, other.headers.get('content-length'), await other.text()]).toEqual([200, '0', ''])
      expect(other.headers.get('content-security-policy')).toBeNull()
    }
  })

  test.each([
    ...[
      '/',
      '/?sort=moved',
      '/?q=payments',
      '/ui/team/',
      '/ui/team/payments',
      '/ui/team/payments:latest',
      '/ui/-/activity',
      '/ui/none',
    ],
    ...[
      '/ui/team/payments:latest/history',
      '/ui/team/payments/-/compare',
      '/ui/team/payments/-/space',
      '/ui/team/payments/-/deleted',
    ],
    ...['/ui/team/payments/-/delete', '/ui/team/payments/-/delete?tag=latest', '/ui/team/payments/-/description'],
  ])(
    '%s loads nothing from elsewhere, runs no code in its text, is in no frame, and is guessed to be nothing else',
    async (path) => {
      const page = await client.request('GET', path, { headers: BROWSER })
      const { headers } = page
      const text = await page.text()

      const policy = (headers.get('content-security-policy') ?? '').split('; ')
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).toContain("require-trusted-types-for 'script'")
      expect(policy.join()).not.toContain('unsafe')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('same-origin')
      expect(text).not.toContain('<style')
    },
  )

  test('its script and style have their hash in their name, are kept for ever, and are 30 KB together at most', async () => {
    const text = await (await client.request('GET', '/', { headers: BROWSER })).text()
    const paths = [...text.matchAll(ASSETS)].map(([, path = '']) => path)
    let bytes = 0
    for (const path of paths) {
      const packed = await fetch(new URL(path, client.url), {
        headers: { 'accept-encoding': 'gzip' },
        decompress: false,
      } as RequestInit)
      const plain = await fetch(new URL(path, client.url), { headers: { 'accept-encoding': 'identity' } })
      expect([packed.headers.get('content-encoding'), plain.headers.get('content-encoding')]).toEqual(['gzip', null])
      expect(packed.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      const body = Buffer.from(await packed.arrayBuffer())
      expect(gunzipSync(body).equals(Buffer.from(await plain.bytes()))).toBe(true)
      bytes += body.length
    }

    expect(paths).toHaveLength(2)
    expect(bytes).toBeLessThan(30_000)
  })

  test('an asset that another version named is served, and not kept; one that never was is 404', async () => {
    const other = await client.request('GET', '/ui/-/page.0000000000000000.css')
    const none = await client.request('GET', '/ui/-/other.0000000000000000.css')

    expect([other.status, other.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(other.headers.get('content-type')).toStartWith('text/css')
    expect(none.status).toBe(404)
  })

  test('what is not there is 404 in words, with the id of the request', async () => {
    for (const path of ['/ui/none', '/ui/none/', '/ui/team/payments:none', '/ui/team/payments:none/history', '/ui/Nowhere']) {
      const page = await client.request('GET', path, { headers: BROWSER })
      expect(page.status).toBe(404)
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(await page.text()).toContain(`Request <code>${page.headers.get('x-request-id')}</code>`)
    }
  })

  test('what a form deletes is gone, and another form brings it back', async () => {
    const headers = { ...BROWSER, origin: new URL(client.url).origin }
    const send = async (path: string, fields: Readonly<Record<string, string>>) => {
      const answer = await client.request('POST', path, { headers, body: new URLSearchParams(fields) })
      return [answer.status, answer.headers.get('location')]
    }
    const hidden = async (path: string, name: string) => {
      const text = await (await client.request('GET', path, { headers: BROWSER })).text()
      return new RegExp(`name="${name}" value="([^"]+)"`).exec(text)?.[1] ?? ''
    }
    const [look, list] = ['/ui/tools/lint/-/delete?tag=main', '/ui/tools/lint/-/deleted']

    expect(await send(look, { token: 'of another look' })).toEqual([409, null])
    expect(await send(look, { token: await hidden(look, 'token') })).toEqual([303, list])
    expect((await client.headManifest('tools/lint', 'main')).status).toBe(404)
    expect(await send(list, { id: await hidden(list, 'id') })).toEqual([303, '/ui/tools/lint:main'])
    expect((await client.headManifest('tools/lint', 'main')).status).toBe(200)
  })

  test('a method that a screen does not have is 405, and says which there are', async () => {
    const page = await client.request('POST', '/ui/team/payments')

    expect([page.status, page.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test('a manifest and a config are shown as they are, as text that can be nothing else', async () => {
    const digest = (await client.headManifest('team/payments', 'latest')).headers.get('docker-content-digest')
    const manifest = await client.request('GET', `/ui/team/payments@${digest}/manifest`)
    const config = await client.request('GET', `/ui/team/payments@${digest}/config`)

    expect(await manifest.text()).toBe(await (await client.getManifest('team/payments', 'latest')).text())
    expect(JSON.parse(await config.text())).toMatchObject({ os: 'linux', architecture: 'amd64' })
    for (const { headers } of [manifest, config]) {
      expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('content-security-policy')).toContain('sandbox')
    }
  })
})

describeWith({ programs: ['curl', 'wget'] }, 'curl and wget', () => {
  onDriver('inmemory', (registry) => {
    test('get what registry:2 gives: 200, and nothing', async () => {
      using folder = new TemporaryFolder()
      const environment = environmentIn(folder.join('env'))

      const byCurl = await runToSuccess(['curl', '-sS', '-w', '%{http_code} %{size_download}', `${registry.url}/`], {
        environment,
      })
      const byWget = await runToSuccess(['wget', '-q', '-O', '-', `${registry.url}/`], { environment })

      expect(byCurl).toBe('200 0')
      expect(byWget).toBe('')
    })
  })
})

describe('below http.prefix', () => {
  onDriver(
    'inmemory',
    (registry) => {
      test('the page and all that it names is there, and nowhere else', async () => {
        const page = await registry.request('GET', '/team/registry/', { headers: BROWSER })
        const text = await page.text()
        const own = [...text.matchAll(/(?:href|src|action)="([^"]+)"/g)]
          .map(([, path = '']) => path)
          .filter((path) => path !== '#main' && !path.startsWith('data:'))

        expect(page.status).toBe(200)
        expect(own.length).toBeGreaterThan(4)
        expect(own.filter((path) => !path.startsWith('/team/registry/'))).toEqual([])
        for (const path of own)
          expect([path, (await registry.request('GET', path)).status]).toEqual([path, path.endsWith('/registry/') ? 404 : 200])
        expect(await (await registry.request('GET', '/', { headers: BROWSER })).text()).toBe('')
        expect((await registry.request('GET', '/ui/a', { headers: BROWSER })).headers.get('content-type')).toBe(
          'application/json',
        )
      })
    },
    { prefix: '/team/registry' },
  )
})

describe('with ui.enabled: false', () => {
  onDriver(
    'inmemory',
    (registry) => {
      test('a browser gets what every client gets', async () => {
        const root = await registry.request('GET', '/', { headers: BROWSER })
        const below = await registry.request('GET', '/ui/a', { headers: BROWSER })

        expect([root.status, await root.text()]).toEqual([200, ''])
        expect([below.status, below.headers.get('content-type')]).toEqual([404, 'application/json'])
      })
    },
    { page: false },
  )
})
