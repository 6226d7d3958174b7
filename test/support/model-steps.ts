import fc from 'fast-check'
import { BLOBS, MANIFESTS, NO_MANIFESTS, REPOSITORIES, TAGS } from './model-content.ts'

/** The random steps that a registry and its model take together. Contents are named by their place in the lists of model-content. */

/** The first is met most. */
const repository = fc.constantFrom(...REPOSITORIES, ...REPOSITORIES.slice(0, 2), REPOSITORIES[0])
const blob = fc.nat(BLOBS.length - 1)
const manifest = fc.nat(MANIFESTS.length - 1)
const tag = fc.constantFrom(...TAGS)
const algorithm = fc.constantFrom('sha256', 'sha512')
const method = fc.constantFrom('GET', 'GET', 'HEAD')
/** Whether the client says so, with If-None-Match. */
const hasIt = fc.constantFrom(false, false, false, true)
/** Mostly one that is there at that moment, the index-th of them. */
const isPresent = fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) })
const blobToFind = fc.record({ index: blob, isPresent })
/** A manifest by one of its digests, a blob taken for a manifest, or a tag. */
const reference = fc.oneof(
  { weight: 3, arbitrary: fc.record({ by: fc.constant('tag' as const), tag, isPresent }) },
  { weight: 3, arbitrary: fc.record({ by: fc.constant('digest' as const), manifest, algorithm, isPresent }) },
  { weight: 1, arbitrary: fc.record({ by: fc.constant('blob' as const), blob }) },
)
/** Which of the uploads so far; with none, one that never was. */
const upload = fc.nat(6)
const isElsewhere = fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
const chunk = fc.record({
  text: fc.constantFrom('', 'one', 'two', '{}', 'on', 'e', '0123456789'.repeat(9_000)),
  range: fc.constantFrom('none', 'none', 'right', 'right', 'ahead', 'behind', 'short', 'long', 'reversed', 'malformed'),
  isCounted: fc.boolean(),
})
const position = fc.option(fc.nat(5), { nil: undefined })

const steps = {
  pushBlob: { repository, blob, way: fc.constantFrom('one request', 'two requests', 'chunks') },
  pushWrongBlob: { repository, blob, text: fc.constantFrom('', 'other') },
  startUpload: { repository, algorithm: fc.constantFrom(undefined, 'sha256', 'sha512', 'md5', '') },
  patchUpload: { upload, isElsewhere, chunk },
  closeUpload: {
    upload,
    isElsewhere,
    chunk,
    digest: fc.oneof(fc.constantFrom('own', 'own', 'malformed', 'none'), blob),
    algorithm,
  },
  lookAtUpload: { upload, isElsewhere, method },
  cancelUpload: { upload, isElsewhere },
  mountBlob: { repository, blob: blobToFind, from: fc.oneof(repository, fc.constantFrom(undefined, 'No Name')) },
  getBlob: {
    repository,
    blob: blobToFind,
    method,
    hasIt: fc.boolean(),
    range: fc.option(fc.record({ first: position, last: position }), { freq: 2 }),
  },
  deleteBlob: { repository, blob: blobToFind },
  pushImage: { repository, manifest, tags: fc.array(tag, { maxLength: 2 }) },
  putManifest: {
    repository,
    manifest,
    algorithm,
    tag: fc.option(tag),
    tags: fc.array(tag, { maxLength: 2 }),
    type: fc.constantFrom('right', 'right', 'none', 'wrong', 'with parameters'),
  },
  putWrongManifest: {
    repository,
    wrong: fc.constantFrom('tag', 'further tag', 'digest', 'bytes'),
    manifest,
    bytes: fc.nat(NO_MANIFESTS.length - 1),
  },
  getManifest: { repository, reference, method, hasIt },
  deleteManifest: { repository, reference },
  listTags: {
    repository,
    n: fc.constantFrom(undefined, '0', '1', '2', '1000', '99999', 'x', '-1'),
    last: fc.option(fc.oneof(tag, fc.constantFrom('a', '~', 'v'))),
  },
  listRepositories: {
    n: fc.constantFrom(undefined, '0', '1', '2', '99999', 'x'),
    last: fc.option(fc.oneof(repository, fc.constantFrom('a.', '~'))),
  },
  listReferrers: {
    repository,
    subject: manifest,
    artifactType: fc.constantFrom(
      undefined,
      '',
      'application/vnd.example.sbom',
      'application/vnd.oci.image.config.v1+json',
      'none&x=+/ü',
    ),
  },
  lookAround: {},
  restart: { database: fc.constantFrom('kept', 'gone'), maintenance: fc.constantFrom('on', 'off') },
  beHostile: {
    method: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND'),
    segments: fc.array(
      fc.oneof(
        fc.constantFrom('v2', 'blobs', 'manifests', 'tags', 'list', 'uploads', 'referrers', '_catalog', 'x', 'latest'),
        fc.constantFrom(
          '',
          '.',
          '..',
          '%2e%2e',
          '%2F',
          '%00',
          '%zz',
          '%',
          '%c3%28',
          'UPPER',
          'sha256:x',
          '..%2f',
          '\\',
          '%0d%0a',
          'x'.repeat(300),
        ),
        blob.map((index) => BLOBS[index]?.digest ?? ''),
      ),
      { maxLength: 7 },
    ),
    query: fc.constantFrom(
      '',
      '?n=%',
      '?digest=',
      '?mount=x&from=%00',
      '?digest=sha256:x',
      '?n=1&n=x',
      '?last=%ff',
      '?tag=%2F',
      '?artifactType=%0d%0a',
    ),
  },
} as const

type Steps = typeof steps
export type StepName = keyof Steps
type ValueOf<Value> = Value extends fc.Arbitrary<infer Drawn> ? Drawn : never
export type StepOf<Name extends StepName> = { readonly name: Name } & {
  readonly [Key in keyof Steps[Name]]: ValueOf<Steps[Name][Key]>
}
export type Step = { [Name in StepName]: StepOf<Name> }[StepName]

const WEIGHTS: Readonly<Partial<Record<StepName, number>>> = {
  pushImage: 6,
  pushBlob: 3,
  patchUpload: 3,
  putManifest: 3,
  deleteManifest: 3,
  deleteBlob: 2,
}

/** Any sequence of steps. */
export function sequences(maxLength: number): fc.Arbitrary<Step[]> {
  const any = Object.entries(steps).map(([name, fields]) => ({
    weight: WEIGHTS[name as StepName] ?? 1,
    arbitrary: fc.record({ name: fc.constant(name), ...fields } as Record<
      string,
      fc.Arbitrary<unknown>
    >) as fc.Arbitrary<unknown> as fc.Arbitrary<Step>,
  }))
  return fc.array(fc.oneof(...any), { minLength: 1, maxLength, size: 'max' })
}
