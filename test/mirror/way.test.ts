import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { stringify } from 'yaml'
import { createAuthority, type Issued, issueServerCertificate } from '../../src/certificates/issue.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { startBerth } from '../support/berth-process.ts'
import { type FakeCertificate, FakeUpstream } from '../support/fake-upstream.ts'
import { HttpProxy } from '../support/http-proxy.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages } from '../support/upstream-images.ts'

setDefaultTimeout(120_000)

const IMAGE = makeImage('behind a way of its own')
const [LAYER] = IMAGE.layers
const BASIC = `Basic ${btoa('robot:hush')}`
const SHOWN = { username: 'robot', password: 'hush', public: true }
const LONG_AGO = new Date('2020-01-01')
const HOSTS = ['127.0.0.1']

let folder: TemporaryFolder
let resources: AsyncDisposableStack
let authority: Issued
let ca: string

beforeEach(async () => {
  folder = new TemporaryFolder()
  resources = new AsyncDisposableStack()
  authority = await createAuthority('an authority of its own')
  ca = await folder.file('ca.crt', authority.certificate)
})
afterEach(async () => {
  await resources.disposeAsync()
  folder[Symbol.dispose]()
})

/** A registry that asks for the password. */
async function startUpstream(shown?: FakeCertificate): Promise<FakeUpstream> {
  return resources.use(await FakeUpstream.start(serveImages({ app: IMAGE }, { authorization: BASIC }), shown))
}

async function startMirror(upstream: FakeUpstream, way: object): Promise<AppInTest> {
  const storage = { filesystem: { rootdirectory: folder.join('data') } }
  const mirrors = [{ prefix: 'far', url: upstream.url, ...SHOWN, ...way }]
  return resources.use(await AppInTest.start(folder, { storage, mirrors }))
}

/** Manifest by tag, and a layer. */
async function pull({ client }: AppInTest) {
  const manifest = await client.getManifest('far/app', 'latest')
  const blob = await client.getBlob('far/app', LAYER?.digest ?? '')
  const texts = [await manifest.text(), Buffer.from(await blob.bytes()).toString('latin1')]
  return { statuses: [manifest.status, blob.status], texts, warning: manifest.headers.get('warning') }
}

describe('an upstream with a certificate of an authority of its own', () => {
  test('is trusted by the mirror that names the authority', async () => {
    const upstream = await startUpstream(await issueServerCertificate(authority, { hosts: HOSTS }))

    expect(await pull(await startMirror(upstream, { ca }))).toMatchObject({ statuses: [200, 200], warning: null })
  })

  test.each([
    [
      'an unknown authority',
      async () => [await createAuthority('another one'), {}] as const,
      'no authority that is trusted here',
    ],
    ['a certificate that has expired', async () => [authority, { now: LONG_AGO }] as const, 'its certificate has expired'],
    ['a certificate for another name', async () => [authority, { hosts: ['b.example'] }] as const, 'is for other names than'],
  ] as const)('is not, with %s: the answer and the log name it and the cause', async (_, signed, cause) => {
    const [by, { hosts = HOSTS, now }] = (await signed()) as readonly [Issued, { hosts?: string[]; now?: Date }]
    const upstream = await startUpstream(await issueServerCertificate(by, { hosts }, now))
    const mirror = await startMirror(upstream, { ca })

    const { statuses, texts } = await pull(mirror)

    expect(statuses).toEqual([503, 503])
    for (const text of texts) {
      expect(text).toContain(`The upstream ${upstream.url} does not answer as it should: `)
      expect(text).toContain(cause)
    }
    const { fields } = await mirror.log.line(({ message }) => message === 'a blob was not fetched')
    expect(String(fields.error)).toContain(cause)
    expect(upstream.asked).toEqual([])
  })

  test('serves what is here with a warning while its certificate has expired', async () => {
    const right = await startUpstream(await issueServerCertificate(authority, { hosts: HOSTS }))
    const { port } = new URL(right.url)
    const mirror = await startMirror(right, { ca })
    await pull(mirror)
    await right[Symbol.asyncDispose]()
    const expired = await issueServerCertificate(authority, { hosts: HOSTS }, LONG_AGO)
    const late = resources.use(await FakeUpstream.start(undefined, expired, Number(port)))

    const { statuses, warning } = await pull(mirror)

    expect(statuses).toEqual([200, 200])
    expect(warning).toBe(`111 - "${late.url} could not confirm the tag"`)
    const line = await mirror.log.line(({ message }) => message === 'a tag is not confirmed, what is here is served')
    expect(String(line.fields.error)).toContain('its certificate has expired')
  })

  test('is trusted by that mirror alone', async () => {
    const upstream = await startUpstream(await issueServerCertificate(authority, { hosts: HOSTS }))

    expect(await pull(await startMirror(upstream, { ca }))).toMatchObject({ statuses: [200, 200] })
    const other = resources.use(await AppInTest.start(folder, { mirrors: [{ prefix: 'far', url: upstream.url, ...SHOWN }] }))
    expect(await pull(other)).toMatchObject({ statuses: [503, 503] })
  })
})

describe('a proxy on the way', () => {
  test('opens tunnels to an upstream of HTTPS, and reads nothing that goes through them', async () => {
    const upstream = await startUpstream(await issueServerCertificate(authority, { hosts: HOSTS }))
    const proxy = resources.use(await HttpProxy.start())
    const mirror = await startMirror(upstream, { ca, httpproxy: proxy.url.replace('://', '://me:word@') })

    expect(await pull(mirror)).toMatchObject({ statuses: [200, 200] })

    const { host } = new URL(upstream.url)
    expect(proxy.asked.length).toBeGreaterThan(0)
    for (const { line, head } of proxy.asked) {
      expect(line).toBe(`CONNECT ${host}`)
      expect(head.toLowerCase()).toContain(`proxy-authorization: basic ${btoa('me:word').toLowerCase()}`)
      expect(head.toLowerCase()).not.toContain('\r\nauthorization:')
    }
    for (const secret of [BASIC, btoa('robot:hush'), 'hush']) expect(proxy.passed).not.toContain(secret)
    expect(upstream.shown).toContain(BASIC)
    expect(upstream.asked.length).toBeGreaterThanOrEqual(proxy.asked.length)
  })

  test('does not lower what is asked of the certificate', async () => {
    const upstream = await startUpstream(await issueServerCertificate(await createAuthority('another one'), { hosts: HOSTS }))
    const proxy = resources.use(await HttpProxy.start())
    const mirror = await startMirror(upstream, { ca, httpproxy: proxy.url })

    const { statuses, texts } = await pull(mirror)

    expect(statuses).toEqual([503, 503])
    expect(texts[0]).toContain(`The upstream ${upstream.url} (through the proxy ${proxy.url})`)
    expect(texts[0]).toContain('no authority that is trusted here')
    expect(upstream.asked).toEqual([])
  })

  test('is asked for whole addresses of an upstream of plain HTTP', async () => {
    const upstream = await startUpstream()
    const proxy = resources.use(await HttpProxy.start())

    expect(await pull(await startMirror(upstream, { httpproxy: proxy.url }))).toMatchObject({ statuses: [200, 200] })

    expect(proxy.asked[0]?.line).toBe(`GET ${upstream.url}/v2/app/manifests/latest`)
  })

  test.each(['407 Proxy Authentication Required', '401 Unauthorized', '403 Forbidden', '404 Not Found', '502 Bad Gateway'])(
    'that refuses a tunnel with %s is an outage, which names it',
    async (refusal) => {
      const upstream = await startUpstream(await issueServerCertificate(authority, { hosts: HOSTS }))
      const proxy = resources.use(await HttpProxy.start())
      proxy.refusal = refusal

      const { statuses, texts } = await pull(await startMirror(upstream, { ca, httpproxy: proxy.url }))

      expect(statuses).toEqual([503, 503])
      for (const text of texts) {
        expect(text).toContain(`The upstream ${upstream.url} (through the proxy ${proxy.url})`)
        expect(text).toContain(`Proxy refused to open a tunnel: ${refusal}`)
      }
      expect(upstream.asked).toEqual([])
    },
  )

  test('that asks for a password is told from an upstream of plain HTTP that does', async () => {
    const upstream = await startUpstream()
    const proxy = resources.use(await HttpProxy.start())
    proxy.refusal = '407 Proxy Authentication Required'

    const { statuses, texts } = await pull(await startMirror(upstream, { httpproxy: proxy.url }))

    expect(statuses).toEqual([503, 503])
    expect(texts[0]).toContain('the proxy on the way wants a user name and a password')
  })

  test('that is away is an outage', async () => {
    const upstream = await startUpstream()
    const proxy = await HttpProxy.start()
    const { url } = proxy
    await proxy[Symbol.asyncDispose]()

    const { statuses, texts } = await pull(await startMirror(upstream, { httpproxy: url }))

    expect(statuses).toEqual([503, 503])
    expect(texts[0]).toContain(`(through the proxy ${url})`)
    expect(upstream.asked).toEqual([])
  })
})

describe('the environment', () => {
  test('names the proxy of a mirror that names none, with the exceptions of NO_PROXY, and authorities beside those of a mirror', async () => {
    const other = await createAuthority('another one')
    const store = resources.use(
      await FakeUpstream.start(serveImages({ app: IMAGE }), await issueServerCertificate(other, { hosts: ['localhost'] })),
    )
    const toStore: FakeUpstream['answer'] = (request, response) => {
      if (request.url?.includes('/manifests/') === true) return serveImages({ app: IMAGE })(request, response)
      response.writeHead(307, { location: `${store.otherUrl}${request.url}` }).end()
    }
    const upstream = resources.use(await FakeUpstream.start(toStore, await issueServerCertificate(authority, { hosts: HOSTS })))
    const proxy = resources.use(await HttpProxy.start())
    const mirrors = [
      { prefix: 'through', url: upstream.url, ca },
      { prefix: 'directly', url: upstream.url, ca, httpproxy: 'none' },
      { prefix: 'excepted', url: store.otherUrl },
    ]
    const variables = {
      HTTPS_PROXY: proxy.url,
      NO_PROXY: 'localhost',
      NODE_EXTRA_CA_CERTS: await folder.file('other.crt', other.certificate),
    }
    const berth = resources.use(await startBerth({ folder, moreConfig: stringify({ mirrors }), variables }))
    const client = new RegistryClient(berth.url)
    const pullAll = async (prefix: string) => {
      expect((await client.getManifest(`${prefix}/app`, 'latest')).status).toBe(200)
      for (const { digest, bytes } of blobsOf(IMAGE))
        expect(Buffer.from(await (await client.getBlob(`${prefix}/app`, digest)).bytes()).toString()).toBe(
          Buffer.from(bytes).toString(),
        )
    }

    await pullAll('directly')
    await pullAll('excepted')
    expect(proxy.asked).toEqual([])
    await pullAll('through')

    expect(new Set(proxy.asked.map(({ line }) => line))).toEqual(new Set([`CONNECT ${new URL(upstream.url).host}`]))
  })
})
