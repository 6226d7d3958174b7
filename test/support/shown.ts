import { type ExpectedRegistry, inByteOrder } from './expected-registry.ts'
import { sha256, sha512 } from './images.ts'
import type { RegistryClient } from './registry-client.ts'

/**
 * What a registry shows, name by name: `tag app:latest` → a digest, `manifest app@sha256:…` and `blob app@sha256:…` → 'there', and
 * 'gone' for each that is not. Any other value is an answer that nobody may give.
 */
export type Shown = ReadonlyMap<string, string>

/** What each name may show while something is under way; a name that is left out may show nothing but 'gone'. */
export type Allowed = ReadonlyMap<string, ReadonlySet<string>>

export const GONE = 'gone'
export const THERE = 'there'

const AT_ONCE = 8

export function tagKey(repository: string, tag: string): string {
  return `tag ${repository}:${tag}`
}

export function manifestKey(repository: string, digest: string): string {
  return `manifest ${repository}@${digest}`
}

export function blobKey(repository: string, digest: string): string {
  return `blob ${repository}@${digest}`
}

/** What is expected, for every name that ever was. */
export function expectedToShow(expected: ExpectedRegistry): Shown {
  const shown = new Map<string, string>()
  for (const [name, ever] of expected.ever) {
    const now = expected.repositories.get(name)
    for (const tag of ever.tags.keys()) shown.set(tagKey(name, tag), now?.tags.get(tag) ?? GONE)
    for (const digest of ever.manifests.keys()) {
      shown.set(manifestKey(name, digest), now?.manifests.has(digest) ? THERE : GONE)
    }
    for (const digest of ever.blobs.keys()) shown.set(blobKey(name, digest), now?.blobs.has(digest) ? THERE : GONE)
  }
  return shown
}

/** Asks for each of the names, by HEAD and by GET with its bytes. */
export async function show(client: RegistryClient, keys: Iterable<string>): Promise<Shown> {
  const shown = new Map<string, string>()
  const waiting = [...keys]
  const worker = async () => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) shown.set(key, await showOne(client, key))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return shown
}

/** Where the answers are not allowed, or do not fit together. */
export function wrongIn(shown: Shown, allowed: Allowed): readonly string[] {
  return [...notAllowedIn(shown, allowed), ...tornIn(shown)]
}

export function notAllowedIn(shown: Shown, allowed: Allowed): readonly string[] {
  const nothing: ReadonlySet<string> = new Set([GONE])
  return [...shown].flatMap(([key, value]) => {
    const values = allowed.get(key) ?? nothing
    return values.has(value) ? [] : [`${key} shows ${value}, not ${[...values].join(' or ')}`]
  })
}

/** Tags whose manifest is gone. They may be seen when something changes between one question and the next, and only then. */
export function tornIn(shown: Shown): readonly string[] {
  return [...shown].flatMap(([key, digest]) => {
    const { kind, repository } = partsOf(key)
    if (kind !== 'tag' || digest === GONE || shown.get(manifestKey(repository, digest)) !== GONE) return []
    return [`${key} shows ${digest}, which is not there`]
  })
}

export function exactly(shown: Shown): Allowed {
  return new Map([...shown].map(([key, value]) => [key, new Set([value])]))
}

/** Where the lists of tags and of repositories are not those of the tags and manifests shown. */
export async function wrongLists(client: RegistryClient, shown: Shown): Promise<readonly string[]> {
  const repositories = new Set([...shown.keys()].map((key) => partsOf(key).repository))
  const withManifest = new Set<string>()
  for (const [key, value] of shown) {
    const { kind, repository } = partsOf(key)
    if (kind === 'manifest' && value === THERE) withManifest.add(repository)
  }
  const wrong = [...repositories].map(async (name) => await wrongTags(client, name, withManifest.has(name), shown))
  return [...(await Promise.all(wrong)).flat(), ...(await wrongCatalog(client, withManifest))]
}

export function partsOf(key: string): { readonly kind: string; readonly repository: string; readonly name: string } {
  const match = /^(tag|manifest|blob) ([^:@]+)[:@](.+)$/.exec(key)
  if (match === null) throw new Error(`not a name: ${key}`)
  const [, kind = '', repository = '', name = ''] = match
  return { kind, repository, name }
}

async function showOne(client: RegistryClient, key: string): Promise<string> {
  const { kind, repository, name } = partsOf(key)
  const path = `/v2/${repository}/${kind === 'blob' ? 'blobs' : 'manifests'}/${name}`
  const got = await client.request('GET', path)
  const headed = await client.request('HEAD', path)
  if (got.status !== headed.status) return `GET ${got.status} and HEAD ${headed.status}`
  const bytes = await got.bytes()
  if (got.status === 404) return GONE
  if (got.status !== 200) return `${got.status} ${new TextDecoder().decode(bytes)}`
  const digest = got.headers.get('docker-content-digest') ?? 'no digest'
  const actual = digest.startsWith('sha512:') ? sha512(bytes) : sha256(bytes)
  if (actual !== digest) return `the bytes of ${actual} as ${digest}`
  if (headed.headers.get('content-length') !== String(bytes.length)) return 'another length in the HEAD'
  if (headed.headers.get('docker-content-digest') !== digest) return 'another digest in the HEAD'
  if (kind === 'tag') return digest
  return digest === name ? THERE : `the content of ${digest}`
}

async function wrongTags(client: RegistryClient, name: string, exists: boolean, shown: Shown): Promise<readonly string[]> {
  const response = await client.request('GET', `/v2/${name}/tags/list`)
  const body = (await response.json()) as { readonly tags?: readonly string[] }
  if (response.status === 404 && !exists) return []
  const tags = [...shown].flatMap(([key, digest]) => {
    const { kind, repository, name: tag } = partsOf(key)
    return kind === 'tag' && repository === name && digest !== GONE ? [tag] : []
  })
  if (response.status === 200 && exists && Bun.deepEquals(body.tags, tags.sort(inByteOrder))) return []
  return [`the tags of ${name} are listed as ${response.status} ${JSON.stringify(body)}, but shown are ${tags}`]
}

async function wrongCatalog(client: RegistryClient, names: ReadonlySet<string>): Promise<readonly string[]> {
  const response = await client.request('GET', '/v2/_catalog?n=1000')
  const body = (await response.json()) as { readonly repositories?: readonly string[] }
  if (response.status === 200 && Bun.deepEquals(body.repositories, [...names].sort(inByteOrder))) return []
  return [`the catalog is ${response.status} ${JSON.stringify(body)}, but manifests are in ${[...names]}`]
}
