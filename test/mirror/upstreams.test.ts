import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { stringify } from 'yaml'
import { libtrustKeyId } from '../../src/access/foreign-tokens/key-id.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { startBerth } from '../support/berth-process.ts'
import { makeCertificates } from '../support/certificates.ts'
import { HttpProxy } from '../support/http-proxy.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, runToSuccess } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { TokenIssuer } from '../support/token-issuer.ts'
import { TokenServer } from '../support/token-server.ts'
import { someServers } from '../support/wire.ts'
import { startZot, ZOT_PROGRAM } from '../support/zot.ts'

setDefaultTimeout(120_000)

const IMAGE = makeImage('of any upstream', { layers: 3 })
const INDEX = makeImageIndex([makeImage('amd64'), makeImage('arm64', { architecture: 'arm64' })], 'docker')
const NAME = 'library/app'
const HTPASSWD = `alice:${Bun.password.hashSync('secret', { algorithm: 'bcrypt', cost: 5 })}\n`
const SHOWN = { username: 'alice', password: 'secret', public: true }

/** What a test has started, and where. */
interface Lab {
  readonly folder: TemporaryFolder
  readonly data: string
  readonly resources: AsyncDisposableStack
}

interface Started {
  readonly registry: RegistryProcess
  /** Keys of the mirror. */
  readonly keys: object
}

interface Kind {
  readonly name: string
  readonly start: (lab: Lab) => Promise<Started>
}

const KINDS: readonly Kind[] = [
  {
    name: 'registry:2',
    start: async ({ folder, data }) => {
      const registry = await startPeer({ folder, dataDirectory: data })
      return { registry, keys: { url: registry.url } }
    },
  },
  {
    name: 'registry:2 behind Basic',
    start: async ({ folder, data }) => {
      const registry = await startPeer({ folder, dataDirectory: data, moreConfig: await htpasswd(folder) })
      return { registry, keys: { url: registry.url, ...SHOWN } }
    },
  },
  {
    name: 'registry:2 behind Bearer, with a token server on another host',
    start: (lab) => withTokenServer(lab, (token) => startPeer({ ...placeIn(lab), moreConfig: stringify({ auth: { token } }) })),
  },
  {
    name: 'registry:2 with HTTPS by an authority of its own',
    start: async ({ folder, data }) => {
      const { authority, certificate, key } = await makeCertificates(folder)
      const registry = await startPeer({ folder, dataDirectory: data, adapt: withTls({ certificate, key }) })
      return { registry, keys: { url: `https://localhost:${registry.port}`, ca: authority } }
    },
  },
  {
    name: 'Berth',
    start: async ({ folder, data }) => {
      const registry = await startBerth({ folder, dataDirectory: data })
      return { registry, keys: { url: registry.url } }
    },
  },
  {
    name: 'Berth behind Basic',
    start: async ({ folder, data }) => {
      const registry = await startBerth({ folder, dataDirectory: data, moreConfig: await htpasswd(folder) })
      return { registry, keys: { url: registry.url, ...SHOWN } }
    },
  },
  {
    name: 'Berth behind Bearer, with a token server on another host',
    start: (lab) => withTokenServer(lab, (token) => startBerth({ ...placeIn(lab), moreConfig: stringify({ auth: { token } }) })),
  },
  {
    name: 'Berth with rules, which gives tokens itself',
    start: async ({ folder, data }) => {
      const rules = stringify({ access: { rules: [{ who: ['user:alice'], repositories: ['library/*'], can: ['pull'] }] } })
      const registry = await startBerth({ folder, dataDirectory: data, moreConfig: `${await htpasswd(folder)}${rules}` })
      return { registry, keys: { url: registry.url, ...SHOWN } }
    },
  },
  {
    name: 'Berth with HTTPS by an authority of its own',
    start: async ({ folder, data }) => {
      const { authority, certificate, key } = await makeCertificates(folder)
      const registry = await startBerth({ folder, dataDirectory: data, tls: { certificate, key } })
      return { registry, keys: { url: registry.url, ca: authority } }
    },
  },
]

const ZOT_KINDS: readonly Kind[] = [
  {
    name: 'zot',
    start: async (lab) => {
      const registry = await startZot(placeIn(lab))
      return { registry, keys: { url: registry.url } }
    },
  },
  {
    name: 'zot behind Basic',
    start: async (lab) => {
      const path = await lab.folder.file('htpasswd', HTPASSWD)
      const registry = await startZot({ ...placeIn(lab), http: { realm: 'r', auth: { htpasswd: { path } } } })
      return { registry, keys: { url: registry.url, ...SHOWN } }
    },
  },
  {
    name: 'zot behind Bearer, with a token server on another host',
    start: (lab) =>
      withTokenServer(lab, ({ realm, service, rootcertbundle: cert }) =>
        startZot({ ...placeIn(lab), http: { auth: { bearer: { realm, service, cert } } } }),
      ),
  },
  {
    name: 'zot with HTTPS by an authority of its own',
    start: async (lab) => {
      const { authority, certificate: cert, key } = await makeCertificates(lab.folder)
      const registry = await startZot({ ...placeIn(lab), http: { tls: { cert, key } } })
      return { registry, keys: { url: `https://localhost:${registry.port}`, ca: authority } }
    },
  },
]

describeWith({ programs: [PEER_PROGRAM, 'skopeo', 'openssl'] }, 'A mirror of', () => {
  serveWholeImages(KINDS, async ({ folder, data }) => {
    await using peer = await startPeer({ folder, dataDirectory: data })
    await fill(new RegistryClient(peer.url))
  })
})

describeWith({ programs: [ZOT_PROGRAM, 'skopeo', 'openssl'], rare: true }, 'A mirror of', () => {
  serveWholeImages(ZOT_KINDS, async (lab) => {
    await using zot = await startZot(placeIn(lab))
    await fill(new RegistryClient(zot.url))
  })
})

/** `fillUpstream` puts the images into a directory that a registry of each kind then serves. */
function serveWholeImages(kinds: readonly Kind[], fillUpstream: (lab: Lab) => Promise<void>): void {
  let lab: Lab
  beforeEach(async () => {
    const folder = new TemporaryFolder()
    lab = { folder, data: folder.join('upstream'), resources: new AsyncDisposableStack() }
    await fillUpstream(lab)
  })
  afterEach(async () => {
    await lab.resources.disposeAsync()
    lab.folder[Symbol.dispose]()
  })

  const cases = kinds.flatMap((kind) =>
    someServers(`a mirror of ${kind.name}`).map((server) => [kind.name, ...server, kind] as const),
  )
  test.each(cases)('%s, over %s, serves whole images of it, also when it has gone', async (_name, _where, server, { start }) => {
    const { folder, resources } = lab
    const { registry, keys } = await start(lab)
    resources.use(registry)
    const sections = {
      storage: { filesystem: { rootdirectory: folder.join('mirror') } },
      mirrors: [{ prefix: 'far', ...keys }],
    }
    const { client } = resources.use(await AppInTest.start(folder, sections, { server }))

    await pullImage(client, IMAGE, 'latest')
    const index = await expectStatus(await client.getManifest(`far/${NAME}`, 'all'), 200)
    expect(Buffer.from(await index.bytes()).equals(INDEX.manifest.bytes)).toBe(true)
    expect(await copied(`${new URL(client.url).host}/far/${NAME}:all`)).toEqual(
      expect.arrayContaining(INDEX.images.flatMap(filesOf)),
    )
    await registry.stop()

    await pullImage(client, IMAGE, 'latest')
    for (const image of INDEX.images) await pullImage(client, image, image.manifest.digest)
  })

  /** What skopeo writes into a directory. */
  async function copied(name: string): Promise<readonly string[]> {
    const directory = lab.folder.join(crypto.randomUUID())
    const words = ['copy', '--insecure-policy', '--all', '--src-tls-verify=false', `docker://${name}`, `dir:${directory}`]
    await runToSuccess(['skopeo', ...words], { environment: environmentIn(lab.folder.join('skopeo')) })
    return readdirSync(directory)
  }
}

function placeIn({ folder, data: dataDirectory }: Lab) {
  return { folder, dataDirectory }
}

async function htpasswd(folder: TemporaryFolder): Promise<string> {
  return stringify({ auth: { htpasswd: { realm: 'r', path: await folder.file('htpasswd', HTPASSWD) } } })
}

function withTls({ certificate, key }: { readonly certificate: string; readonly key: string }) {
  return (config: string) => config.replace('\nhttp:\n', `\nhttp:\n  tls: {certificate: ${certificate}, key: ${key}}\n`)
}

/** As registry:2 has it. */
interface TokenSection {
  readonly realm: string
  readonly service: string
  readonly issuer: string
  readonly rootcertbundle: string
}

/** Both are known by names of their own to a proxy alone: no name server of this machine knows them. */
async function withTokenServer(
  { folder, resources }: Lab,
  startRegistry: (token: TokenSection) => Promise<RegistryProcess>,
): Promise<Started> {
  const issuer = await TokenIssuer.create(folder, 'ES256')
  const header = { kid: libtrustKeyId(issuer.certificate.publicKey) }
  const tokens = resources.use(new TokenServer({ issuer, header, service: 'the registry', users: { alice: 'secret' } }))
  const realm = 'http://auth.lab.example/token'
  const token = { realm, service: 'the registry', issuer: 'test', rootcertbundle: issuer.certificatePath }
  const registry = await startRegistry(token)
  const proxy = resources.use(await HttpProxy.start())
  proxy.hosts.set('registry.lab.example', registry.port).set('auth.lab.example', Number(new URL(tokens.url).port))
  return { registry, keys: { url: 'http://registry.lab.example', httpproxy: proxy.url, ...SHOWN } }
}

async function fill(client: RegistryClient): Promise<void> {
  await push(client, IMAGE, 'latest')
  for (const image of INDEX.images) await push(client, image, image.manifest.digest)
  await expectStatus(await client.putManifest(NAME, 'all', INDEX.manifest), 201)
}

async function push(client: RegistryClient, image: Image, reference: string): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob(NAME, blob)
  await expectStatus(await client.putManifest(NAME, reference, image.manifest), 201)
}

async function pullImage(client: RegistryClient, image: Image, reference: string): Promise<void> {
  const manifest = await expectStatus(await client.getManifest(`far/${NAME}`, reference), 200)
  expect(Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)).toBe(true)
  for (const blob of blobsOf(image)) {
    const answer = await expectStatus(await client.getBlob(`far/${NAME}`, blob.digest), 200)
    expect(Buffer.from(await answer.bytes()).equals(blob.bytes)).toBe(true)
  }
}

function filesOf(image: Image): readonly string[] {
  return blobsOf(image).map(({ digest }) => digest.slice('sha256:'.length))
}
