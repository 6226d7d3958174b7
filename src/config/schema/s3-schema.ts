import type { z } from 'zod'
import type { ConfigProblem } from '../config-error.ts'
import { key, optionalKey, optionalSection, requiredKey } from './keys.ts'
import { parameterBoolean as boolean, filled, findBoolean, oneOf, secret, serverAddress, text, wholeNumber } from './values.ts'

const MIB = 1024 * 1024
/** What S3 takes as a part. */
const SMALLEST_PART = 5 * MIB

const storageClass = oneOf(
  ...['none', 'standard', 'reduced_redundancy', 'standard_ia', 'onezone_ia', 'intelligent_tiering', 'outposts', 'glacier_ir'],
  'express_onezone',
)

const logLevel = oneOf(
  ...['off', 'debug', 'debugwithsigning', 'debugwithhttpbody', 'debugwithrequestretries', 'debugwithrequesterrors'],
  'debugwitheventstreambody',
)

/** The parameters of registry:2 and registry:3. */
const parameters = {
  bucket: requiredKey(filled, { about: 'The bucket that holds everything.', example: 'images' }),
  region: requiredKey(filled, {
    about: 'The region of the bucket; for a server that has none, any name such as us-east-1.',
    example: 'eu-central-1',
  }),
  accesskey: optionalKey(text, {
    about: 'Who asks. Left out with secretkey: what the AWS SDKs find (environment, profile, web identity, container, instance).',
    example: 'AKIAIOSFODNN7EXAMPLE',
  }),
  secretkey: optionalKey(secret, { about: 'The secret of accesskey.', example: 'wJalrXUtnFEMI/K7MDENG' }),
  sessiontoken: optionalKey(secret, { about: 'For keys that end after a while.', example: 'FwoGZXIvYXdzEBYaD' }),
  regionendpoint: optionalKey(serverAddress, {
    about: 'The address of a server other than Amazon’s.',
    example: 'https://minio.example.com:9000',
  }),
  forcepathstyle: optionalKey(boolean, {
    about: 'Writes the bucket into the path instead of the host name; true when left out with a regionendpoint.',
    example: 'true',
  }),
  secure: key(boolean, {
    default: 'true',
    example: 'false',
    about: 'Speaks HTTPS, where regionendpoint does not say http:// or https:// itself.',
  }),
  skipverify: key(boolean, { default: 'false', example: 'true', about: 'Takes any certificate of the server.' }),
  v4auth: optionalKey(boolean, {
    about: 'Signs with version 4.',
    example: 'true',
    notice: (value) =>
      findBoolean(value) === false ? 'Berth signs with version 4, which every server takes by now.' : undefined,
  }),
  rootdirectory: key(text, { default: '', example: '/registry', about: 'What the keys of all objects begin with.' }),
  chunksize: key(wholeNumber(SMALLEST_PART), {
    default: '10485760',
    example: '33554432',
    about: 'Bytes of each part of an upload but the last. A blob has 10,000 parts at most.',
  }),
  multipartcopychunksize: key(wholeNumber(SMALLEST_PART), {
    default: '33554432',
    example: '67108864',
    about: 'Bytes of each part that the server copies.',
  }),
  multipartcopymaxconcurrency: key(wholeNumber(1), {
    default: '100',
    example: '20',
    about: 'How many parts of an object are copied at once.',
  }),
  multipartcopythresholdsize: key(wholeNumber(0), {
    default: '33554432',
    example: '104857600',
    about: 'Up to so many bytes an object is copied in one request.',
  }),
  encrypt: key(boolean, { default: 'false', example: 'true', about: 'Asks the server to encrypt objects.' }),
  keyid: optionalKey(text, { about: 'The KMS key to encrypt with when encrypt is true.', example: 'alias/images' }),
  storageclass: optionalKey(storageClass, {
    about: 'The class of new objects; the server’s own when left out, or NONE.',
    example: 'STANDARD_IA',
  }),
  objectacl: optionalKey(text, {
    about: 'The canned ACL of new objects; none is sent when left out, which means private.',
    example: 'bucket-owner-full-control',
  }),
  objectownership: optionalKey(boolean, {
    about: 'Leaves ACLs to the owner of the bucket.',
    example: 'true',
    notice: () => 'Berth sends an ACL only where objectacl names one.',
  }),
  useragent: optionalKey(text, {
    about: 'How Berth calls itself; berth/<version> when left out.',
    example: 'registry of ours',
  }),
  accelerate: key(boolean, { default: 'false', example: 'true', about: 'Uses Amazon’s transfer acceleration.' }),
  usedualstack: key(boolean, { default: 'false', example: 'true', about: 'Uses Amazon’s addresses that have IPv6 as well.' }),
  usefipsendpoint: key(boolean, { default: 'false', example: 'true', about: 'Uses Amazon’s FIPS addresses.' }),
  redirectendpoint: optionalKey(serverAddress, {
    about: 'The address of the server as clients see it, for the URLs that they are sent to when storage.redirect is on.',
    example: 'https://s3.example.com',
  }),
  cache: optionalSection(
    {
      maxsize: requiredKey(wholeNumber(1), {
        about: 'Bytes of all copies together; what was used least recently goes first.',
        example: '10737418240',
      }),
      directory: optionalKey(text, {
        about: 'Where they are, on this machine; beside the metadata database when left out.',
        example: '/var/cache/berth',
      }),
    },
    'Keeps copies of the blobs that were pulled on a disk of this machine. Left out: none.',
  ),
  loglevel: key(logLevel, {
    default: 'off',
    example: 'debug',
    about:
      'Writes a line for each request to the server: off, debug, or one of the finer words of registry:2, which say the same.',
  }),
}

/** A bucket of S3, or of a server that speaks its protocol. */
export function s3Section(about: string) {
  return optionalSection(parameters, about)
}

type ParsedS3 = NonNullable<z.output<ReturnType<typeof s3Section>>>

/** What each key allows and the keys together do not. */
export function contradictionsIn(section: ParsedS3, path: string): ConfigProblem[] {
  const { accesskey, secretkey } = section
  if ((accesskey === undefined) === (secretkey === undefined)) return []
  const [present, missing] = secretkey === undefined ? ['accesskey', 'secretkey'] : ['secretkey', 'accesskey']
  return [{ path: `${path}.${present}`, message: `needs ${missing}; write both, or neither for what the AWS SDKs find` }]
}

/** What the file says about a bucket, in the program's words; each key's text says what it is. Undefined: not set. */
export type S3Config = Readonly<ReturnType<typeof s3Config>>

export type BlobCacheConfig = Readonly<NonNullable<S3Config['cache']>>

/** `redirects`: clients are sent to the server for blobs. */
export function s3Config(section: ParsedS3, { redirects }: { readonly redirects: boolean }) {
  const { accesskey, secretkey, sessiontoken, regionendpoint, redirectendpoint, secure, storageclass } = section
  const endpoint = regionendpoint === undefined ? undefined : withScheme(regionendpoint, secure)
  const hasKeys = accesskey !== undefined && secretkey !== undefined
  return {
    kind: 's3' as const,
    region: section.region,
    bucket: section.bucket,
    endpoint,
    secure,
    publicEndpoint: redirectendpoint === undefined ? undefined : withScheme(redirectendpoint, secure),
    redirects,
    pathStyle: section.forcepathstyle ?? endpoint !== undefined,
    credentials: hasKeys ? { accessKeyId: accesskey, secretAccessKey: secretkey, sessionToken: sessiontoken } : undefined,
    skipVerify: section.skipverify,
    accelerate: section.accelerate,
    dualStack: section.usedualstack,
    fips: section.usefipsendpoint,
    rootDirectory: section.rootdirectory,
    encrypt: section.encrypt,
    keyId: section.keyid,
    storageClass: storageclass === undefined || storageclass === 'none' ? undefined : storageclass.toUpperCase(),
    objectAcl: section.objectacl,
    userAgent: section.useragent,
    chunkSize: section.chunksize,
    copy: {
      chunkSize: section.multipartcopychunksize,
      maxConcurrency: section.multipartcopymaxconcurrency,
      threshold: section.multipartcopythresholdsize,
    },
    cache: section.cache && { directory: section.cache.directory, maxBytes: section.cache.maxsize },
    logsRequests: section.loglevel !== 'off',
  }
}

function withScheme(server: string, secure: boolean): string {
  return server.includes('://') ? server : `${secure ? 'https' : 'http'}://${server}`
}
