import { type Content, descriptorOf, type Image, makeImage } from './images.ts'

/** One push of a manifest, made by table: a type, a field and what stands in it, or a document that is odd as a whole. */
export interface ManifestCase {
  readonly title: string
  readonly contentType: string | undefined
  readonly bytes: Uint8Array
}

type Json = Record<string, unknown>

/** What the manifests name, which must be in the repository before. */
export const NAMED: readonly Image[] = [makeImage('named'), makeImage('named by Docker', { format: 'docker' })]
const [oci, docker] = NAMED as [Image, Image]

const TYPES = {
  'OCI image': { mediaType: oci.manifest.mediaType, image: oci, isIndex: false },
  'Docker image': { mediaType: docker.manifest.mediaType, image: docker, isIndex: false },
  'OCI index': { mediaType: 'application/vnd.oci.image.index.v1+json', image: oci, isIndex: true },
  'Docker list': { mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json', image: docker, isIndex: true },
} as const
type TypeName = keyof typeof TYPES
const TYPE_NAMES = Object.keys(TYPES) as readonly TypeName[]

/** A valid manifest of a type that has every field. */
function wholeManifest(name: TypeName): Json {
  const { mediaType, image, isIndex } = TYPES[name]
  const common = { schemaVersion: 2, mediaType, artifactType: 'application/vnd.example', annotations: { a: 'b' } }
  const subject = wholeDescriptor(image.manifest)
  if (!isIndex) {
    return { ...common, config: wholeDescriptor(image.config), layers: image.layers.map(wholeDescriptor), subject }
  }
  const platform = { architecture: 'amd64', os: 'linux', variant: 'v1', 'os.version': '1', 'os.features': ['a'] }
  return { ...common, manifests: [{ ...wholeDescriptor(image.manifest), platform }], subject }
}

function wholeDescriptor(content: Content): Json {
  return { ...descriptorOf(content), artifactType: 'application/vnd.example', annotations: { a: 'b' }, data: 'e30=' }
}

const NEEDED = ['mediaType', 'digest', 'size']
const OPTIONAL = ['artifactType', 'annotations', 'annotations.a', 'data', 'urls']
const PLATFORM = ['architecture', 'os', 'variant', 'os\\.version', 'os\\.features']

function fieldsOf(name: TypeName): readonly string[] {
  const { isIndex } = TYPES[name]
  const first = isIndex ? 'manifests.0' : 'layers.0'
  return [
    ...['schemaVersion', 'mediaType', 'artifactType', 'annotations', 'annotations.a', 'subject', 'config', 'layers', 'manifests'],
    ...[first, ...within(first, [...NEEDED, ...OPTIONAL])],
    ...(isIndex ? ['manifests.0.platform', ...within('manifests.0.platform', PLATFORM)] : within('config', NEEDED)),
    ...(name.startsWith('OCI') ? within('subject', [...NEEDED, ...OPTIONAL]) : []),
  ]
}

function within(parent: string, names: readonly string[]): readonly string[] {
  return names.map((name) => `${parent}.${name}`)
}

/** What a field may hold; the name is how it stands in a title. */
const VALUES: Readonly<Record<string, unknown>> = {
  missing: undefined,
  null: null,
  '""': '',
  '7': 7,
  '{}': {},
}

function fieldCases(name: TypeName): readonly ManifestCase[] {
  const { mediaType } = TYPES[name]
  return fieldsOf(name).flatMap((path) =>
    Object.entries(VALUES).map(([value, content]) => {
      const manifest = wholeManifest(name)
      setAt(manifest, path, content)
      return caseOf(`${name}: ${path.replaceAll('\\', '')} ${value}`, mediaType, JSON.stringify(manifest))
    }),
  )
}

/** Sets a field below an object; a point in a name is escaped. */
function setAt(whole: Json, path: string, value: unknown): void {
  const names = path.split(/(?<!\\)\./).map((name) => name.replaceAll('\\', ''))
  const last = names.pop() ?? ''
  let parent = whole
  for (const name of names) parent = parent[name] as Json
  parent[last] = value
}

/** Numbers, which JSON writes in many ways. */
const SIZES = ['-1', '1.5', '1.0', '1e2', '9007199254740993', '9223372036854775807', '9223372036854775808', '"7"', 'true', '0']
const SCHEMA_VERSIONS = ['1', '3', '2.0', '2e0', '"2"', 'true', '-2']
const DIGESTS = [
  `sha256:${'0'.repeat(64)}`,
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}`,
  `sha384:${'0'.repeat(96)}`,
  `sha512:${'0'.repeat(128)}`,
  `md5:${'0'.repeat(32)}`,
  'latest',
  '../../x',
]
const FOREIGN = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
const DOCKER_FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
const ABSENT = `sha256:${'7'.repeat(64)}`
const URLS = [
  undefined,
  null,
  [],
  ['https://example.com/a'],
  ['ftp://example.com/a'],
  ['https://example.com/a#b'],
  [''],
  [null],
  [7],
]

function valueCases(name: TypeName): readonly ManifestCase[] {
  const { mediaType, isIndex } = TYPES[name]
  const first = isIndex ? 'manifests.0' : 'layers.0'
  const raw = (path: string, text: string) => {
    const manifest = wholeManifest(name)
    setAt(manifest, path, 'PLACE')
    return caseOf(`${name}: ${path} ${shortened(text)}`, mediaType, JSON.stringify(manifest).replace('"PLACE"', text))
  }
  return [
    ...SIZES.map((size) => raw(`${first}.size`, size)),
    ...SCHEMA_VERSIONS.map((version) => raw('schemaVersion', version)),
    ...DIGESTS.map((digest) => raw(`${first}.digest`, JSON.stringify(digest))),
    ...(isIndex ? [] : [FOREIGN, DOCKER_FOREIGN]).flatMap((layerType) =>
      URLS.map((urls) => {
        const layer = { mediaType: layerType, digest: ABSENT, size: 1, urls }
        return raw('layers.0', JSON.stringify(layer))
      }),
    ),
  ]
}

/** Zeros and the like are told apart by their number. */
function shortened(text: string): string {
  return text
    .replace(ABSENT, 'absent')
    .replace(/([0-9a-f])\1{20,}/gi, (run, one) => `${one}{${run.length}}`)
    .replace(/application\/vnd\.(oci|docker)\.image\.[a-z]+\.(nondistributable|foreign)[^"]*/, '$1 $2')
}

/** Documents that are odd as a whole, made from the text of a valid one. */
const DOCUMENTS: Readonly<Record<string, (text: string) => string | Uint8Array>> = {
  valid: (text) => text,
  'with white space': (text) => ` \n${text}\n\t `,
  'with an extra field': (text) => text.replace('{', '{"x-extra":{"deep":[1,null]},'),
  'with a byte order mark': (text) => `\uFEFF${text}`,
  'with a second document behind it': (text) => `${text}{}`,
  'with a comma too many': (text) => `${text.slice(0, -1)},}`,
  'cut short': (text) => text.slice(0, -1),
  'with a NUL behind it': (text) => `${text}\0`,
  'with a byte that is no UTF-8 in a text': (text) => withByte(text, 0xff),
  'with a control character in a text': (text) => text.replace('"a":"b"', '"a":"\u0001"'),
  'with half of a surrogate pair in a text': (text) => text.replace('"a":"b"', '"a":"\\ud800"'),
  'with schemaVersion twice, the last one right': (text) => text.replace('{', '{"schemaVersion":1,'),
  'with schemaVersion twice, the last one wrong': (text) => `${text.slice(0, -1)},"schemaVersion":1}`,
  'with mediaType twice, the last one right': (text) => text.replace('{', '{"mediaType":"x",'),
  'with mediaType twice, the last one wrong': (text) => `${text.slice(0, -1)},"mediaType":"x"}`,
  'with what it names twice, first null': (text) => text.replace('{', '{"config":null,"layers":null,"manifests":null,'),
  'with annotations twice, the last one null': (text) => `${text.slice(0, -1)},"annotations":null}`,
  'with MediaType for mediaType': (text) => text.replace('"mediaType"', '"MediaType"'),
  'with SchemaVersion for schemaVersion': (text) => text.replace('"schemaVersion"', '"SchemaVersion"'),
  'with CONFIG, LAYERS, MANIFESTS': (text) => text.replace(/"(config|layers|manifests)"/g, (name) => name.toUpperCase()),
  'with Digest for digest': (text) => text.replace('"digest"', '"Digest"'),
  'with a lower-case \\u escape in a name': (text) => text.replace('"mediaType"', '"media\\u0054ype"'),
  'with __proto__': (text) => text.replace('{', '{"__proto__":{"a":1},'),
  'of schema version 1': () => '{"schemaVersion":1,"name":"a","tag":"b","architecture":"amd64","fsLayers":[],"history":[]}',
  'that is empty': () => '',
  'that is {}': () => '{}',
  'that is []': () => '[]',
  'that is null': () => 'null',
  'that is a text': () => '"text"',
}

function withByte(text: string, byte: number): Uint8Array {
  const bytes = new TextEncoder().encode(text.replace('"a":"b"', '"a":"?"'))
  return bytes.map((one) => (one === 0x3f ? byte : one))
}

function documentCases(name: TypeName): readonly ManifestCase[] {
  const text = JSON.stringify(wholeManifest(name))
  return Object.entries(DOCUMENTS).map(([how, change]) => caseOf(`${name} ${how}`, TYPES[name].mediaType, change(text)))
}

/** The types with which each type is sent: none, with parameters, and each that it is not. */
function contentTypeCases(name: TypeName): readonly ManifestCase[] {
  const { mediaType } = TYPES[name]
  const whole = JSON.stringify(wholeManifest(name))
  const untyped = JSON.stringify({ ...wholeManifest(name), mediaType: undefined })
  const others = TYPE_NAMES.filter((other) => other !== name)
  return [
    caseOf(`${name} without a Content-Type`, undefined, whole),
    caseOf(`${name} with parameters of its Content-Type`, `${mediaType}; charset=utf-8`, whole),
    caseOf(`${name} with a broken parameter of its Content-Type`, `${mediaType}; charset`, whole),
    caseOf(`${name} with its Content-Type in upper case`, mediaType.toUpperCase(), whole),
    caseOf(`${name} sent as application/json`, 'application/json', whole),
    caseOf(`${name} sent as application/octet-stream`, 'application/octet-stream', whole),
    ...others.map((other) => caseOf(`${name} sent as ${other}`, TYPES[other].mediaType, whole)),
    ...others.map((other) => caseOf(`${name} without mediaType sent as ${other}`, TYPES[other].mediaType, untyped)),
  ]
}

function caseOf(title: string, contentType: string | undefined, body: string | Uint8Array): ManifestCase {
  return { title, contentType, bytes: typeof body === 'string' ? new TextEncoder().encode(body) : body }
}

const all = TYPE_NAMES.flatMap((name) => [
  ...documentCases(name),
  ...contentTypeCases(name),
  ...fieldCases(name),
  ...valueCases(name),
])

/** Without those that come out the same as another one: a field may be missing already. */
export const MANIFEST_CASES: readonly ManifestCase[] = [
  ...new Map(all.toReversed().map((one) => [keyOf(one), one])).values(),
].toReversed()

function keyOf({ contentType, bytes }: ManifestCase): string {
  return `${contentType} ${Buffer.from(bytes).toString('latin1')}`
}
