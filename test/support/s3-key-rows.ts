import type { Config } from '../../src/config/config.ts'

/** Rows of the parameters of S3: the key, what stands there, and what becomes of it. */

const S3_COPY = { chunkSize: 33_554_432, maxConcurrency: 100, threshold: 33_554_432 }
const S3_DEFAULTS = {
  kind: 's3',
  bucket: 'images',
  region: 'us-east-1',
  endpoint: undefined,
  redirects: false,
  publicEndpoint: undefined,
  pathStyle: false,
  credentials: undefined,
  secure: true,
  skipVerify: false,
  accelerate: false,
  dualStack: false,
  fips: false,
  rootDirectory: '',
  encrypt: false,
  keyId: undefined,
  storageClass: undefined,
  objectAcl: undefined,
  userAgent: undefined,
  chunkSize: 10_485_760,
  copy: S3_COPY,
  cache: undefined,
  logsRequests: false,
} as const

type Read = (config: Config) => unknown

/** What each parameter becomes; the others have their defaults. */
export function s3Rows(section: string): (readonly [key: string, value: unknown, read: Read, expected: unknown])[] {
  const rows: readonly (readonly [key: string, value: unknown, expected: object])[] = [
    ['bucket', 'other', { bucket: 'other' }],
    ['region', 'eu-west-1', { region: 'eu-west-1' }],
    ['regionendpoint', 'http://minio:9000', { endpoint: 'http://minio:9000', pathStyle: true }],
    ['forcepathstyle', true, { pathStyle: true }],
    ['secure', false, { secure: false }],
    ['skipverify', true, { skipVerify: true }],
    ['rootdirectory', '/a/b', { rootDirectory: '/a/b' }],
    ['chunksize', 33_554_432, { chunkSize: 33_554_432 }],
    ['multipartcopychunksize', 5_242_880, { copy: { ...S3_COPY, chunkSize: 5_242_880 } }],
    ['multipartcopymaxconcurrency', 7, { copy: { ...S3_COPY, maxConcurrency: 7 } }],
    ['multipartcopythresholdsize', 0, { copy: { ...S3_COPY, threshold: 0 } }],
    ['encrypt', true, { encrypt: true }],
    ['keyid', 'alias/k', { keyId: 'alias/k' }],
    ['storageclass', 'standard_ia', { storageClass: 'STANDARD_IA' }],
    ['storageclass', 'NONE', { storageClass: undefined }],
    ['objectacl', 'private', { objectAcl: 'private' }],
    ['useragent', 'us', { userAgent: 'us' }],
    ['accelerate', true, { accelerate: true }],
    ['usedualstack', true, { dualStack: true }],
    ['usefipsendpoint', true, { fips: true }],
    ['redirectendpoint', 's3.example.com', { publicEndpoint: 'https://s3.example.com' }],
    ['loglevel', 'debugwithsigning', { logsRequests: true }],
  ]
  return rows.map(([key, value, expected]) => [
    `${section}.${key}`,
    value,
    ({ storage }) => storage.driver,
    { ...S3_DEFAULTS, ...expected },
  ])
}

type S3Keys = Extract<Config['storage']['driver'], { kind: 's3' }>['credentials']

/** Parameters that come together: keys of an account, and the cache with its size. */
export function s3Together(name: string) {
  return [...s3Keys(name), ...s3Cache(name)] as const
}

function s3Keys(name: string) {
  return [
    s3Key(name, 'accesskey', (credentials) => credentials?.accessKeyId, 'a'),
    s3Key(name, 'secretkey', (credentials) => credentials?.secretAccessKey.reveal(), 'b'),
    s3Key(name, 'sessiontoken', (credentials) => credentials?.sessionToken?.reveal(), 'c'),
  ] as const
}

function s3Key(name: string, key: string, read: (credentials: S3Keys) => unknown, expected: string) {
  const keys = { accesskey: 'a', secretkey: 'b', sessiontoken: 'c', bucket: 'images', region: 'us-east-1' }
  const found = ({ storage }: Config) => (storage.driver.kind === 's3' ? read(storage.driver.credentials) : undefined)
  return [`storage.${name}.${key}`, { storage: { [name]: keys } }, found, expected] as const
}

function s3Cache(name: string) {
  const row = (key: string, cache: object, directory: string | undefined) => {
    const found = ({ storage }: Config) => (storage.driver.kind === 's3' ? storage.driver.cache : undefined)
    const config = { storage: { [name]: { bucket: 'images', region: 'us-east-1', cache } } }
    return [`storage.${name}.cache.${key}`, config, found, { directory, maxBytes: 1000 }] as const
  }
  return [row('maxsize', { maxsize: 1000 }, undefined), row('directory', { maxsize: 1000, directory: '/c' }, '/c')] as const
}

/** Parameters that registry:2 needs and Berth does not. */
export function s3Notices(section: string) {
  return [
    [`${section}.v4auth`, false, 'Berth signs with version 4, which every server takes by now.'],
    [`${section}.objectownership`, true, 'Berth sends an ACL only where objectacl names one.'],
  ] as const
}
