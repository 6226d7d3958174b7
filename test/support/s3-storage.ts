import { prepareFile } from '../../src/metadata/sqlite/database-file.ts'
import { SqliteMetadata } from '../../src/metadata/sqlite/sqlite.ts'
import { metadataLedger } from '../../src/opening/upload-ledger.ts'
import { Bucket } from '../../src/storage/s3/bucket.ts'
import type { S3Exchange } from '../../src/storage/s3/requests/s3-client.ts'
import { S3Driver } from '../../src/storage/s3/s3.ts'
import type { S3Settings } from '../../src/storage/s3/settings.ts'
import type { S3Place } from './s3-client.ts'
import type { OpenedStorage } from './storage-driver-contract.ts'
import { TemporaryFolder } from './temporary-folder.ts'

const MIB = 1024 * 1024

/** The settings of a driver on a test's bucket: the defaults of the configuration, with the smallest parts that S3 takes. */
export function s3Settings(place: S3Place, changes: Partial<S3Settings> = {}): S3Settings {
  return {
    region: place.region,
    bucket: place.bucket,
    endpoint: place.endpoint,
    publicEndpoint: undefined,
    redirects: false,
    pathStyle: true,
    credentials: { accessKeyId: place.accessKey, secretAccessKey: place.secretKey },
    secure: false,
    skipVerify: false,
    certificateAuthorities: undefined,
    isProxied: false,
    accelerate: false,
    dualStack: false,
    fips: false,
    rootDirectory: '',
    encrypt: false,
    keyId: undefined,
    storageClass: undefined,
    objectAcl: undefined,
    userAgent: 'berth-tests',
    expiresSeconds: 15,
    chunkSize: 5 * MIB,
    copy: { chunkSize: 32 * MIB, maxConcurrency: 100, threshold: 32 * MIB },
    ...changes,
  }
}

export function bucketOf(settings: S3Settings, watch?: (exchange: S3Exchange) => void): Bucket {
  const { credentials } = settings
  if (credentials === undefined) throw new Error('a test names its credentials')
  return new Bucket({ settings, credentials: async () => credentials, ...(watch && { watch }) })
}

/** Two drivers on one bucket with one ledger, as two processes of a machine have them. */
export async function openS3Storage(settings: S3Settings): Promise<OpenedStorage> {
  const folder = new TemporaryFolder()
  const path = folder.join('metadata.db')
  prepareFile({ path, isOwnPlace: true }, 'a store')
  const opened = ['one', 'other'].map((name) => {
    const metadata = new SqliteMetadata(path)
    const ledger = metadataLedger(metadata)
    return new S3Driver({ settings, bucket: bucketOf(settings), ledger, partDirectory: folder.join(name) })
  })
  const [driver, other] = opened
  if (driver === undefined) throw new Error('there is no driver')
  return { driver, other, cleanUp: () => folder[Symbol.dispose]() }
}
