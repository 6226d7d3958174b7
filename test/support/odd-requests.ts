import { type Content, contentOf, fixedBytes, type Image, makeImage, makeImageIndex, sha256, sha512 } from './images.ts'

/** One request, as it goes over the wire. In path and headers {words in braces} stand for what the registry has; see `PLACES`. */
export interface RequestCase {
  readonly title: string
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
  readonly body: string | undefined
  /** Bytes that the upload of {upload} has before. */
  readonly uploaded: string
}

type Options = Partial<Pick<RequestCase, 'headers' | 'body' | 'uploaded'>>

export const OCI: Image = makeImage('asked for')
export const DOCKER: Image = makeImage('asked for, of Docker', { format: 'docker' })
export const INDEX = makeImageIndex([OCI]).manifest
export const LIST = makeImageIndex([DOCKER], 'docker').manifest
export const REFERRER: Image = makeImage('refers', { subject: OCI.manifest, artifactType: 'application/vnd.example', layers: 0 })
export const BLOB: Content = contentOf('application/octet-stream', fixedBytes(100))
export const EMPTY: Content = contentOf('application/octet-stream', new Uint8Array())
const HELLO = new TextEncoder().encode('hello')
const ABSENT = `sha256:${'0'.repeat(64)}`

/** What stands for what: {upload} is the path of a new upload session, with its query. */
export const PLACES: Readonly<Record<string, string>> = {
  blob: BLOB.digest,
  empty: EMPTY.digest,
  oci: OCI.manifest.digest,
  docker: DOCKER.manifest.digest,
  index: INDEX.digest,
  list: LIST.digest,
  absent: ABSENT,
  hello: sha256(HELLO),
  'hello by sha512': sha512(HELLO),
  'absent by sha512': `sha512:${'0'.repeat(128)}`,
  'absent by sha384': `sha384:${'0'.repeat(96)}`,
  'upper case': `sha256:${'A'.repeat(64)}`,
  'name of 256': 'a'.repeat(256),
  'name of 255': 'a'.repeat(255),
  'tag of 128': 't'.repeat(128),
  'tag of 129': 't'.repeat(129),
}

function ask(method: string, path: string, { headers = [], body, uploaded = '' }: Options = {}): RequestCase {
  const words = [method, path, ...headers, ...(body === undefined ? [] : [`with ${body.length} bytes`])]
  return {
    title: `${words.join(', ')}${uploaded === '' ? '' : `, after ${uploaded.length}`}`,
    method,
    path,
    headers,
    body,
    uploaded,
  }
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const RESOURCES = [
  ...['/', '/v2', '/v2/', '/v2/_catalog', '/v2/app/tags/list', '/v2/app/manifests/absent', '/v2/app/blobs/{absent}'],
  ...['/v2/app/blobs/uploads', '/v2/app/blobs/uploads/', '{upload}', '/v2/app/blobs/uploads/unknown', '/v2/app', '/nothing'],
]
const methods = RESOURCES.flatMap((path) => METHODS.map((method) => ask(method, path)))

const OCI_IMAGE = OCI.manifest.mediaType
const DOCKER_IMAGE = DOCKER.manifest.mediaType
const ACCEPTS = [
  OCI_IMAGE,
  DOCKER_IMAGE,
  INDEX.mediaType,
  LIST.mediaType,
  '*/*',
  `${OCI_IMAGE};q=0.5, ${DOCKER_IMAGE}`,
  'text/html',
]
const MANIFESTS = ['oci', 'docker', 'index', 'list', '{oci}', '{list}', '{absent}', 'unknown']
const accepts = MANIFESTS.flatMap((reference) => [
  ask('GET', `/v2/app/manifests/${reference}`),
  ...ACCEPTS.map((type) => ask('GET', `/v2/app/manifests/${reference}`, { headers: [`Accept: ${type}`] })),
])

const RANGES = [
  ...['bytes=0-', 'bytes=0-0', 'bytes=10-19', 'bytes=-10', 'bytes=-0', 'bytes=-200', 'bytes=99-', 'bytes=100-', 'bytes=90-200'],
  ...[
    'bytes=5-1',
    'bytes=0-9,20-29',
    'bytes=0-99,0-99',
    'bytes=0-1,200-300',
    'bytes=x',
    'items=0-9',
    'bytes=',
    'BYTES=0-9',
    'bytes = 0-9',
  ],
]
const ranges = [
  ...RANGES.map((range) => ask('GET', '/v2/app/blobs/{blob}', { headers: [`Range: ${range}`] })),
  ask('HEAD', '/v2/app/blobs/{blob}', { headers: ['Range: bytes=0-9'] }),
  ask('GET', '/v2/app/blobs/{empty}', { headers: ['Range: bytes=0-'] }),
  ask('GET', '/v2/app/blobs/{empty}', { headers: ['Range: bytes=-1'] }),
  ask('GET', '/v2/app/manifests/oci', { headers: [`Accept: ${OCI_IMAGE}`, 'Range: bytes=0-9'] }),
  ask('GET', '/v2/app/blobs/{blob}', { headers: ['Range: bytes=0-9', 'If-Range: "{blob}"'] }),
  ask('GET', '/v2/app/blobs/{blob}', { headers: ['Range: bytes=0-9', 'If-Range: "x"'] }),
]

const VALIDATED = {
  '/v2/app/blobs/{blob}': '{blob}',
  '/v2/app/manifests/oci': '{oci}',
  '/v2/app/manifests/{oci}': '{oci}',
  '/v2/app/manifests/{absent}': '{absent}',
}
const conditions = Object.entries(VALIDATED).flatMap(([path, digest]) =>
  [`"${digest}"`, digest, `W/"${digest}"`, `"x", "${digest}"`, '*', '"x"', ''].map((value) =>
    ask('GET', path, { headers: [`Accept: ${OCI_IMAGE}`, `If-None-Match: ${value}`] }),
  ),
)

const NAMES = [
  ...[
    'App',
    'app-',
    '-app',
    'a..b',
    'a.b',
    'a__b',
    'a___b',
    'a--b',
    'a_-b',
    'a//b',
    './app',
    'x/../app',
    'a%2Fb',
    '%61pp',
    'a%20b',
    'a%00b',
  ],
  ...[
    '{name of 255}',
    '{name of 256}',
    'localhost:5000/app',
    'example.com/app',
    'tags/list',
    'blobs/uploads',
    '_app',
    '%C3%A9',
    'app/',
  ],
]
const names = NAMES.flatMap((name) => [ask('GET', `/v2/${name}/tags/list`), ask('POST', `/v2/${name}/blobs/uploads/`)])

const REFERENCES = [
  ...['Oci', '-x', '.x', '_x', 'x%20y', 'x%2Fy', 'x+y', '{tag of 128}', '{tag of 129}', '@{oci}', 'sha256:x', '{upper case}'],
  ...['{absent by sha512}', '{absent by sha384}', `md5:${'0'.repeat(32)}`, 'sha256:', ':', 'sha256%3A0'],
]
const TEXT = new TextDecoder().decode(OCI.manifest.bytes)
const references = REFERENCES.flatMap((reference) => [
  ask('GET', `/v2/app/manifests/${reference}`),
  ask('PUT', `/v2/app/manifests/${reference}`, { headers: [`Content-Type: ${OCI_IMAGE}`], body: TEXT }),
  ask('DELETE', `/v2/app/manifests/${reference}`),
])
const pushes = [
  ask('PUT', '/v2/app/manifests/{oci}', { headers: [`Content-Type: ${OCI_IMAGE}`], body: TEXT }),
  ask('PUT', '/v2/app/manifests/{absent}', { headers: [`Content-Type: ${OCI_IMAGE}`], body: TEXT }),
  ask('PUT', '/v2/empty/manifests/new', { headers: [`Content-Type: ${OCI_IMAGE}`], body: TEXT }),
  ask('PUT', '/v2/app/manifests/new?tag=a&tag=b', { headers: [`Content-Type: ${OCI_IMAGE}`], body: TEXT }),
  ask('PUT', '/v2/app/manifests/new', { headers: [`Content-Type: ${OCI_IMAGE}`, 'Content-Encoding: gzip'], body: TEXT }),
  ask('PUT', '/v2/app/manifests/new', { headers: [`Content-Type: ${OCI_IMAGE}`, 'If-Match: "x"'], body: TEXT }),
  ask('PUT', '/v2/app/manifests/new', { headers: [`Content-Type: ${OCI_IMAGE}`, `Content-Type: ${OCI_IMAGE}`], body: TEXT }),
]

const DIGESTS = [
  'sha256:x',
  'x',
  '{upper case}',
  '{absent by sha384}',
  '{absent by sha512}',
  `md5:${'0'.repeat(32)}`,
  'sha256%3A0',
  ':',
  '',
]
const digests = DIGESTS.flatMap((digest) => [
  ask('GET', `/v2/app/blobs/${digest}`),
  ask('DELETE', `/v2/app/blobs/${digest}`),
  ask('GET', `/v2/app/referrers/${digest}`),
])

const COUNTS = [
  '',
  '0',
  '1',
  '2',
  '4',
  '5',
  '-1',
  'x',
  '1.5',
  '1e2',
  '%2B1',
  '%201',
  '001',
  '99999',
  '99999999999999999999',
  '2&n=1',
]
const lists = ['/v2/app/tags/list', '/v2/_catalog', '/v2/absent/tags/list'].flatMap((path) => [
  ...COUNTS.map((count) => ask('GET', `${path}?n=${count}`)),
  ...['', 'docker', 'dockes', 'zzz', '%00', 'x/y', '%C3%A9'].map((last) => ask('GET', `${path}?last=${last}`)),
  ...['docker', 'zzz'].map((last) => ask('GET', `${path}?n=1&last=${last}`)),
  ask('GET', `${path}?n=1&x=y`),
])

const mounts = [
  ...['mount={blob}&from=app', 'mount={blob}', 'mount={blob}&from=', 'mount={blob}&from=other', 'mount={blob}&from=App'],
  ...[
    'mount={absent}&from=app',
    'mount=x&from=app',
    'mount=&from=app',
    'mount={upper case}&from=app',
    'from=app',
    'mount={blob}&from=to',
  ],
  ...[
    'mount={blob}&mount=x&from=app',
    'digest={hello}',
    'digest=x',
    'digest={empty}',
    'digest-algorithm=sha512',
    'digest-algorithm=md5',
  ],
].map((query) => ask('POST', `/v2/to/blobs/uploads/?${query}`))

const CONTENT_RANGES = [
  ...['0-4', '5-9', '0-9', '4-0', '1-5', '0-3', 'bytes 0-4', 'bytes=0-4', 'bytes 0-4/5', '0-4/*', '0-', '-4', 'x', '', '00-04'],
  '99999999999999999999-99999999999999999999',
]
const uploads = [
  ...CONTENT_RANGES.map((range) => ask('PATCH', '{upload}', { headers: [`Content-Range: ${range}`], body: 'hello' })),
  ...CONTENT_RANGES.map((range) => ask('PUT', '{upload}digest={hello}', { headers: [`Content-Range: ${range}`], body: 'hello' })),
  ask('PATCH', '{upload}', { headers: ['Content-Range: 5-9'], body: 'world', uploaded: 'hello' }),
  ask('PATCH', '{upload}', { headers: ['Content-Range: 0-4'], body: 'world', uploaded: 'hello' }),
  ...['text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream; a=b', 'x', 'multipart/form-data'].flatMap(
    (type) => [
      ask('PATCH', '{upload}', { headers: [`Content-Type: ${type}`], body: 'hello' }),
      ask('PUT', '{upload}digest={hello}', { headers: [`Content-Type: ${type}`], body: 'hello' }),
    ],
  ),
  ask('PATCH', '{upload}', { headers: ['Content-Encoding: gzip'], body: 'hello' }),
  ...[
    '',
    'digest=',
    'digest=x',
    'digest={absent}',
    'digest={hello by sha512}',
    'digest={absent by sha384}',
    'digest={hello}&digest=x',
  ].map((query) => ask('PUT', `{upload}${query}`, { body: 'hello' })),
  ask('PUT', '{upload}digest={hello}', { uploaded: 'hello' }),
  ask('PUT', '{upload}digest={hello}', { body: 'lo', uploaded: 'hel' }),
  ask('PUT', '{upload}digest={empty}'),
  ask('PUT', '{upload}digest={absent}', { uploaded: 'hello' }),
  ask('GET', '{upload}', { uploaded: 'hello' }),
  ask('GET', '{upload}', { uploaded: 'h' }),
  ask('DELETE', '{upload}', { uploaded: 'hello' }),
  ask('POST', '{upload}', { uploaded: 'hello' }),
  ...['x', '{absent}', 'a%20b', '00000000-0000-0000-0000-000000000000', '..'].flatMap((id) =>
    ['GET', 'PATCH', 'PUT', 'DELETE'].map((method) => ask(method, `/v2/app/blobs/uploads/${id}`)),
  ),
]

export const REQUEST_CASES: readonly RequestCase[] = [
  ...[
    ...methods,
    ...accepts,
    ...ranges,
    ...conditions,
    ...names,
    ...lists,
    ...digests,
    ...mounts,
    ...uploads,
    ...references,
    ...pushes,
  ],
]
