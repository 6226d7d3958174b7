import type { ConfiguredRegistry } from './configured-registry.ts'
import { blobsOf, makeImage } from './images.ts'

/** What a client can tell of how a registry is configured. */
export type Behaviour = Readonly<Record<string, string>>

const PROBE = makeImage('probe', { format: 'docker' })
const SHOWN_HEADERS = ['docker-distribution-api-version', 'x-content-type-options', 'x-test', 'x-other']

export interface Questions {
  /** What stands before /v2/. */
  readonly prefix?: string
  /** Whether layers may lie elsewhere. */
  readonly urls?: boolean
  /** Whether it listens on IPv6 too. */
  readonly ipv6?: boolean
}

/** Asks a few questions whose answers the configuration changes. */
export async function behaviourOf(
  registry: ConfiguredRegistry,
  { prefix = '', urls = false, ipv6 = false }: Questions,
): Promise<Behaviour> {
  const base = await registry.request('GET', `${prefix}/v2/`)
  return {
    base: `${base.status}`,
    ...Object.fromEntries(SHOWN_HEADERS.map((name) => [name, base.headers.get(name) ?? 'none'])),
    ...(ipv6 ? { 'over IPv6': await registry.statusOverIPv6('/v2/') } : {}),
    root: await statusOf(registry, 'GET', '/v2/'),
    ...(await pushes(registry, prefix)),
    ...(urls ? await pushesWithUrls(registry, prefix) : {}),
    catalog: await catalogOf(registry, prefix),
    'unknown manifest': await statusOf(registry, 'GET', `${prefix}/v2/probe/a/manifests/unknown`),
    'delete of an unknown manifest': await statusOf(
      registry,
      'DELETE',
      `${prefix}/v2/probe/a/manifests/sha256:${'0'.repeat(64)}`,
    ),
    delete: await statusOf(registry, 'DELETE', `${prefix}/v2/probe/b/manifests/${PROBE.manifest.digest}`),
    health: await debugStatusOf(registry, '/debug/health'),
    metrics: await debugStatusOf(registry, '/metrics'),
  }
}

async function pushes(registry: ConfiguredRegistry, prefix: string): Promise<Behaviour> {
  const location = await registry.request('POST', `${prefix}/v2/probe/a/blobs/uploads/`)
  const path = new URL(location.headers.get('location') ?? 'none', 'http://registry').pathname
  const upload = { upload: `${location.status}`, 'upload path': path.replace(/[0-9a-f-]{20,}/, '<id>') }
  if (location.status !== 202) return upload
  for (const repository of ['probe/a', 'probe/b']) {
    for (const blob of blobsOf(PROBE)) await pushBlob(registry, prefix, repository, blob)
  }
  const manifest = probeManifest()
  return {
    ...upload,
    push: await pushManifest(registry, `${prefix}/v2/probe/a/manifests/latest`, manifest),
    'push to another': await pushManifest(registry, `${prefix}/v2/probe/b/manifests/latest`, manifest),
    'push of a plugin': await pushManifest(registry, `${prefix}/v2/probe/a/manifests/plugin`, {
      ...manifest,
      config: { ...manifest.config, mediaType: 'application/vnd.docker.plugin.v1+json' },
    }),
    pull: await statusOf(registry, 'GET', `${prefix}/v2/probe/a/manifests/latest`),
  }
}

/** Refused is refused: registry:2 answers 500. */
async function pushesWithUrls(registry: ConfiguredRegistry, prefix: string): Promise<Behaviour> {
  const hosts = ['www.example.com', 'internal.example.com', 'example.org']
  const answers = hosts.map(async (host) => {
    const manifest = { ...probeManifest(), layers: [foreignLayer(`https://${host}/layer`)] }
    const status = await pushManifest(registry, `${prefix}/v2/probe/a/manifests/elsewhere`, manifest)
    return [`layer at ${host}`, status === '201' ? 'taken' : 'refused'] as const
  })
  return Object.fromEntries(await Promise.all(answers))
}

function probeManifest() {
  return JSON.parse(new TextDecoder().decode(PROBE.manifest.bytes)) as { readonly config: object; readonly layers: object[] }
}

function foreignLayer(url: string): object {
  const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
  return { mediaType, digest: `sha256:${'1'.repeat(64)}`, size: 3, urls: [url] }
}

async function pushBlob(
  registry: ConfiguredRegistry,
  prefix: string,
  repository: string,
  { digest, bytes }: { readonly digest: string; readonly bytes: Uint8Array },
): Promise<void> {
  const opened = await registry.request('POST', `${prefix}/v2/${repository}/blobs/uploads/`)
  const location = new URL(opened.headers.get('location') ?? '', 'http://registry')
  location.searchParams.set('digest', digest)
  const path = `${location.pathname}${location.search}`
  await registry.request('PUT', path, { body: bytes.slice(), headers: { 'content-type': 'application/octet-stream' } })
}

async function pushManifest(registry: ConfiguredRegistry, path: string, manifest: object): Promise<string> {
  const headers = { 'content-type': 'application/vnd.docker.distribution.manifest.v2+json' }
  const response = await registry.request('PUT', path, { headers, body: JSON.stringify(manifest) })
  await response.bytes()
  return `${response.status}`
}

async function statusOf(registry: ConfiguredRegistry, method: string, path: string): Promise<string> {
  const headers = { accept: 'application/vnd.docker.distribution.manifest.v2+json' }
  const response = await registry.request(method, path, { headers })
  await response.bytes()
  return `${response.status}`
}

async function debugStatusOf(registry: ConfiguredRegistry, path: string): Promise<string> {
  const response = await registry.requestDebug(path)
  await response?.bytes()
  return response === undefined ? 'no server' : `${response.status}`
}

/** How many repositories one answer has, and whether it names a next page. */
async function catalogOf(registry: ConfiguredRegistry, prefix: string): Promise<string> {
  const response = await registry.request('GET', `${prefix}/v2/_catalog`)
  const text = await response.text()
  if (response.status !== 200) return `${response.status}`
  const { repositories } = JSON.parse(text) as { repositories: string[] }
  return `${repositories.length} repositories, ${response.headers.has('link') ? 'and more' : 'all'}`
}
