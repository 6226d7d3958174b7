import { expect, test } from 'bun:test'
import { contentHeaders, expectError, header, nextPage } from '../support/answers.ts'
import { type Content, contentOf, descriptorOf, jsonContent, makeImage, sha512 } from '../support/images.ts'
import { onEachDriver, type TestRegistry } from '../support/registry.ts'

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json'
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const EMPTY_CONFIG = contentOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'))
const subject = makeImage('subject').manifest

function referrer(fields: Record<string, unknown> = {}): Content {
  return jsonContent(OCI_IMAGE, {
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    config: descriptorOf(EMPTY_CONFIG),
    layers: [],
    subject: descriptorOf(subject),
    ...fields,
  })
}

const SBOM = referrer({ artifactType: 'application/vnd.example.sbom', annotations: { created: '2024' } })
const SIGNATURE = referrer({ artifactType: 'application/vnd.example.signature' })
const UNTYPED = referrer({ annotations: { which: 'untyped' } })

async function repositoryWith(registry: TestRegistry, ...manifests: readonly Content[]): Promise<string> {
  const repository = registry.newRepository()
  await registry.pushBlob(repository, EMPTY_CONFIG)
  for (const manifest of manifests) await registry.pushManifest(repository, manifest)
  return repository
}

interface ImageIndex {
  readonly schemaVersion: number
  readonly mediaType: string
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Readonly<Record<string, string>> }[]
}

async function list(registry: TestRegistry, path: string) {
  const response = await registry.request('GET', path)
  expect(response.status).toBe(200)
  expect(header(response, 'content-type')).toBe(OCI_INDEX)
  const bytes = await response.bytes()
  const { schemaVersion, mediaType, manifests } = JSON.parse(Buffer.from(bytes).toString()) as ImageIndex
  expect([schemaVersion, mediaType]).toEqual([2, OCI_INDEX])
  return { manifests, response, bytes: bytes.length, next: nextPage(response) }
}

function path(repository: string, digest = subject.digest): string {
  return `/v2/${repository}/referrers/${digest}`
}

function inOrder<Entry extends { readonly digest: string }>(...entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
}

onEachDriver('listing referrers', (registry) => {
  test('each is a descriptor with its artifact type, annotations, size and digest (end-12a)', async () => {
    const index = jsonContent(OCI_INDEX, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [],
      subject: descriptorOf(subject),
      annotations: { a: 'b' },
    })
    const repository = await repositoryWith(registry, SBOM, UNTYPED, index)

    const { manifests, response, next } = await list(registry, path(repository))

    expect(manifests).toEqual(
      inOrder(
        { ...descriptorOf(SBOM), artifactType: 'application/vnd.example.sbom', annotations: { created: '2024' } },
        { ...descriptorOf(UNTYPED), artifactType: EMPTY_CONFIG.mediaType, annotations: { which: 'untyped' } },
        { ...descriptorOf(index), annotations: { a: 'b' } },
      ),
    )
    expect(header(response, 'oci-filters-applied')).toBeNull()
    expect(next).toBeUndefined()
    expect(contentHeaders(await registry.request('HEAD', path(repository)))).toEqual(contentHeaders(response))
  })

  test('nothing refers to it: an empty list, never 404, in a repository that is not there too (end-12a)', async () => {
    const repository = await repositoryWith(registry, SBOM)

    expect((await list(registry, path(repository, SBOM.digest))).manifests).toEqual([])
    expect((await list(registry, path('no/such/repository'))).manifests).toEqual([])
  })

  test.each(['latest', 'sha256:baddigeststring', `md5:${'a'.repeat(32)}`])('of %s is 400 (end-12a)', async (digest) => {
    await expectError(await registry.request('GET', path('a', digest)), 400, 'DIGEST_INVALID')
  })

  test('the referrer may come before its subject, and after it (end-7a, end-12a)', async () => {
    const repository = await repositoryWith(registry, SBOM)
    const before = await list(registry, path(repository))
    await registry.pushImage(repository, makeImage('subject'), 'latest')
    await registry.pushManifest(repository, SIGNATURE)

    expect(before.manifests.map(({ digest }) => digest)).toEqual([SBOM.digest])
    const after = await list(registry, path(repository))
    expect(after.manifests.map(({ digest }) => digest)).toEqual(inOrder(SBOM, SIGNATURE).map(({ digest }) => digest))
  })

  test('referrers of another repository do not show (end-12a)', async () => {
    await repositoryWith(registry, SBOM)
    const repository = await repositoryWith(registry, SIGNATURE)

    expect((await list(registry, path(repository))).manifests.map(({ digest }) => digest)).toEqual([SIGNATURE.digest])
  })

  test('a subject under its sha512 has referrers (end-12a)', async () => {
    const digest = sha512(subject.bytes)
    const manifest = referrer({ subject: { ...descriptorOf(subject), digest } })
    const repository = await repositoryWith(registry, manifest)

    expect((await list(registry, path(repository, digest))).manifests).toHaveLength(1)
    expect((await list(registry, path(repository))).manifests).toEqual([])
  })

  test('a referrer that is deleted is no longer listed (end-9, end-12a)', async () => {
    const repository = await repositoryWith(registry, SBOM, SIGNATURE)

    await registry.client.deleteManifest(repository, SBOM.digest)

    expect((await list(registry, path(repository))).manifests.map(({ digest }) => digest)).toEqual([SIGNATURE.digest])
  })

  test('what a client keeps under a referrers tag is listed as well, once (end-12a)', async () => {
    const repository = await repositoryWith(registry, SBOM)
    const fallback = jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptorOf(SBOM)] })

    await registry.pushManifest(repository, fallback, subject.digest.replace(':', '-'))

    expect((await list(registry, path(repository))).manifests.map(({ digest }) => digest)).toEqual([SBOM.digest])
  })
})

onEachDriver('filtering referrers', (registry) => {
  test('artifactType leaves those of this type, and the answer says so (end-12b)', async () => {
    const repository = await repositoryWith(registry, SBOM, SIGNATURE, UNTYPED)
    const filtered = async (artifactType: string) => {
      const { manifests, response } = await list(registry, `${path(repository)}?artifactType=${encodeURIComponent(artifactType)}`)
      expect(header(response, 'oci-filters-applied')).toBe('artifactType')
      return manifests.map(({ digest }) => digest)
    }

    expect(await filtered('application/vnd.example.sbom')).toEqual([SBOM.digest])
    expect(await filtered(EMPTY_CONFIG.mediaType)).toEqual([UNTYPED.digest])
    expect(await filtered('application/vnd.example.other')).toEqual([])
  })

  test('an empty filter, or one that nobody knows, is none (end-12a)', async () => {
    const repository = await repositoryWith(registry, SBOM, SIGNATURE)

    for (const query of ['?artifactType=', '?annotation=x']) {
      const { manifests, response } = await list(registry, path(repository) + query)
      expect(manifests).toHaveLength(2)
      expect(header(response, 'oci-filters-applied')).toBeNull()
    }
  })
})

onEachDriver('many referrers', (registry) => {
  test('what does not fit into one answer is behind a Link, which keeps the filter (end-12a, end-12b)', async () => {
    const large = Array.from({ length: 5 }, (_, at) => {
      return referrer({ artifactType: 'a/b+c', annotations: { at: String(at), text: 'x'.repeat(1_000_000) } })
    })
    const repository = await repositoryWith(registry, ...large, SBOM)

    const pages: string[][] = []
    let next: string | undefined = `${path(repository)}?artifactType=a%2Fb%2Bc`
    while (next !== undefined) {
      const page = await list(registry, next)
      expect(header(page.response, 'oci-filters-applied')).toBe('artifactType')
      expect(page.bytes).toBeLessThan(4 * 1024 * 1024)
      pages.push(page.manifests.map(({ digest }) => digest))
      next = page.next
    }

    expect(pages.length).toBe(2)
    expect(pages.flat()).toEqual(inOrder(...large).map(({ digest }) => digest))
  })

  test('annotations that fill a manifest are passed on whole, in a list of their own (end-12a)', async () => {
    const large = ['a', 'b'].map((at) => referrer({ annotations: { at, text: `${at}${'ü"'.repeat(900_000)}` } }))
    const repository = await repositoryWith(registry, ...large, SBOM)

    const found: ImageIndex['manifests'][number][] = []
    for (let next: string | undefined = path(repository); next !== undefined; ) {
      const page = await list(registry, next)
      found.push(...page.manifests)
      next = page.next
    }

    const shown = found.map(({ digest, annotations }) => ({ digest, annotations }))
    const pushed = [...large, SBOM].map(({ digest, bytes }) => {
      return { digest, annotations: (JSON.parse(Buffer.from(bytes).toString()) as { annotations?: object }).annotations }
    })
    expect(shown).toEqual(inOrder(...pushed) as typeof shown)
  })
})
