import { type ExpectedRegistry, type ExpectedRepository, inByteOrder, subjectOf } from './expected-registry.ts'
import { type Content, sha256, sha512 } from './images.ts'
import { RegistryClient } from './registry-client.ts'
import { type Dialect, registryUnderTest } from './registry-under-test.ts'

export type QuestionKind = 'catalog' | 'tags' | 'manifest by tag' | 'manifest by digest' | 'blob' | 'referrers'

export interface AskOptions {
  readonly dialect?: Dialect
  /** The kind of question that the registry is asked before all others. */
  readonly first?: QuestionKind | undefined
}

const AT_ONCE = 8

/**
 * Asks a registry for everything that is expected and for everything that has gone: catalog, tags, manifests by tag and by digest,
 * blobs, referrers. Throws with all that differs.
 */
export async function expectExactly(url: string, expected: ExpectedRegistry, options: AskOptions = {}): Promise<void> {
  const dialect = options.dialect ?? registryUnderTest
  const questions = questionsAbout(expected, dialect)
  const first = questions.filter(({ kind }) => kind === options.first)
  const others = questions.filter(({ kind }) => kind !== options.first)
  const client = new RegistryClient(url)
  const wrong = [...(await ask(client, first)), ...(await ask(client, others))]
  if (wrong.length === 0) return
  throw new Error(`${dialect} at ${url} gave ${wrong.length} wrong answers:\n${wrong.slice(0, 20).join('\n')}`)
}

interface Question {
  readonly kind: QuestionKind
  readonly path: string
  /** What is wrong with the answer. */
  readonly check: (client: RegistryClient) => Promise<string | undefined>
}

async function ask(client: RegistryClient, questions: readonly Question[]): Promise<readonly string[]> {
  const waiting = [...questions]
  const wrong: string[] = []
  const worker = async () => {
    for (let question = waiting.shift(); question !== undefined; question = waiting.shift()) {
      const problem = await question.check(client).catch((error: unknown) => String(error))
      if (problem !== undefined) wrong.push(`${question.kind}, ${question.path}: ${problem}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return wrong
}

function questionsAbout(expected: ExpectedRegistry, dialect: Dialect): readonly Question[] {
  const catalog: Question = {
    kind: 'catalog',
    path: '/v2/_catalog',
    check: async (client) => await checkCatalog(client, expected, dialect),
  }
  const ofRepositories = [...expected.ever].flatMap(([name, ever]) =>
    questionsAboutRepository(name, ever, expected.repositories.get(name), dialect),
  )
  return [catalog, ...ofRepositories]
}

function questionsAboutRepository(
  name: string,
  ever: ExpectedRepository,
  now: ExpectedRepository | undefined,
  dialect: Dialect,
): readonly Question[] {
  const tags: Question = {
    kind: 'tags',
    path: `${name}/tags/list`,
    check: async (client) => await checkTags(client, name, now, dialect),
  }
  const byTag = [...ever.tags.keys()].map((tag): Question => {
    const digest = now?.tags.get(tag)
    const manifest = digest === undefined ? undefined : now?.manifests.get(digest)
    return manifestQuestion('manifest by tag', name, tag, manifest)
  })
  const byDigest = [...ever.manifests.keys()].map((digest) =>
    manifestQuestion('manifest by digest', name, digest, now?.manifests.get(digest)),
  )
  const blobs = [...ever.blobs.keys()].map((digest) => blobQuestion(name, digest, now?.blobs.get(digest)))
  const referrers = dialect === 'Berth' ? [...ever.manifests.keys()].map((digest) => referrersQuestion(name, digest, now)) : []
  return [tags, ...byTag, ...byDigest, ...blobs, ...referrers]
}

async function checkCatalog(client: RegistryClient, expected: ExpectedRegistry, dialect: Dialect): Promise<string | undefined> {
  const response = await client.request('GET', '/v2/_catalog?n=1000')
  if (response.status !== 200) return await unexpected(response)
  const { repositories } = (await response.json()) as { readonly repositories: readonly string[] }
  const names = expected.catalog()
  if (dialect === 'registry:2') {
    const missing = names.filter((name) => !repositories.includes(name))
    return missing.length === 0 ? undefined : `does not list ${missing}`
  }
  return difference(repositories, names)
}

async function checkTags(
  client: RegistryClient,
  name: string,
  now: ExpectedRepository | undefined,
  dialect: Dialect,
): Promise<string | undefined> {
  const response = await client.request('GET', `/v2/${name}/tags/list`)
  const tags = [...(now?.tags.keys() ?? [])].sort(inByteOrder)
  const exists = (now?.manifests.size ?? 0) > 0
  if (response.status === 404 && (!exists || (dialect === 'registry:2' && tags.length === 0))) return await checkGone(response)
  if (response.status !== 200 || (!exists && dialect === 'Berth')) return await unexpected(response)
  const body = (await response.json()) as { readonly name: string; readonly tags: readonly string[] | null }
  if (body.name !== name) return `is of ${body.name}`
  return difference(dialect === 'Berth' ? (body.tags ?? ['null']) : (body.tags ?? []).toSorted(inByteOrder), tags)
}

function manifestQuestion(kind: QuestionKind, name: string, reference: string, manifest: Content | undefined): Question {
  const check = async (client: RegistryClient) => {
    const [got, headed] = await Promise.all([client.getManifest(name, reference), client.headManifest(name, reference)])
    if (manifest === undefined) return (await checkGone(got)) ?? (await checkGone(headed))
    return (await checkContent(got, manifest, manifest.mediaType)) ?? checkHead(headed, manifest, manifest.mediaType)
  }
  return { kind, path: `${name}/manifests/${reference}`, check }
}

function blobQuestion(name: string, digest: string, blob: Content | undefined): Question {
  const check = async (client: RegistryClient) => {
    const [got, headed] = await Promise.all([client.getBlob(name, digest), client.headBlob(name, digest)])
    if (blob === undefined) return (await checkGone(got)) ?? (await checkGone(headed))
    return (await checkContent(got, blob, 'application/octet-stream')) ?? checkHead(headed, blob, 'application/octet-stream')
  }
  return { kind: 'blob', path: `${name}/blobs/${digest}`, check }
}

function referrersQuestion(name: string, digest: string, now: ExpectedRepository | undefined): Question {
  const check = async (client: RegistryClient) => {
    const response = await client.request('GET', `/v2/${name}/referrers/${digest}`)
    if (response.status !== 200) return await unexpected(response)
    const body = (await response.json()) as { readonly manifests: readonly { readonly digest: string }[] }
    const referrers = [...(now?.manifests.values() ?? [])].filter((manifest) => subjectOf(manifest) === digest)
    return difference(body.manifests.map((listed) => listed.digest).sort(), referrers.map((referrer) => referrer.digest).sort())
  }
  return { kind: 'referrers', path: `${name}/referrers/${digest}`, check }
}

async function checkContent(response: Response, content: Content, contentType: string): Promise<string | undefined> {
  if (response.status !== 200) return await unexpected(response)
  const bytes = await response.bytes()
  const actual = content.digest.startsWith('sha512:') ? sha512(bytes) : sha256(bytes)
  if (actual !== content.digest) return `has the bytes of ${actual}`
  return checkHead(response, content, contentType)
}

function checkHead(response: Response, content: Content, contentType: string): string | undefined {
  if (response.status !== 200) return `HEAD answered ${response.status}`
  const length = response.headers.get('content-length')
  if (length !== String(content.bytes.length)) return `has Content-Length ${length}, not ${content.bytes.length}`
  const digest = response.headers.get('docker-content-digest')
  if (digest !== content.digest) return `has Docker-Content-Digest ${digest}`
  const type = response.headers.get('content-type')
  return type === contentType ? undefined : `has Content-Type ${type}, not ${contentType}`
}

async function checkGone(response: Response): Promise<string | undefined> {
  if (response.status !== 404) return `should be gone, but ${await unexpected(response)}`
  await response.bytes()
  return undefined
}

async function unexpected(response: Response): Promise<string> {
  return `answered ${response.status}: ${(await response.text()).slice(0, 300)}`
}

function difference(actual: readonly string[], expected: readonly string[]): string | undefined {
  return Bun.deepEquals(actual, expected) ? undefined : `lists ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`
}
