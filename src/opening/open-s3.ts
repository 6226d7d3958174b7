import { readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import type { BlobCacheConfig, S3Config } from '../config/schema/s3-schema.ts'
import type { Log } from '../observe/log.ts'
import { undefinedIfMissing } from '../runtime/error-code.ts'
import { storagePath } from '../storage/driver.ts'
import { berthLayout } from '../storage/layout.ts'
import { Bucket } from '../storage/s3/bucket.ts'
import { BlobCache } from '../storage/s3/cache/blob-cache.ts'
import { CacheSpace } from '../storage/s3/cache/cache-space.ts'
import { KeySpace } from '../storage/s3/key-space.ts'
import { credentialSource } from '../storage/s3/requests/credentials.ts'
import { EXPIRES_SECONDS } from '../storage/s3/requests/open-attempts.ts'
import type { S3Exchange } from '../storage/s3/requests/s3-client.ts'
import { S3Driver } from '../storage/s3/s3.ts'
import { S3Objects } from '../storage/s3/s3-objects.ts'
import type { S3Settings } from '../storage/s3/settings.ts'
import { awsCertificateAuthorities, bucketStateDirectory, isProxied } from './local-state.ts'
import type { OpenedStorage } from './opened-storage.ts'
import { metadataLedger } from './upload-ledger.ts'

export interface S3Options {
  readonly log: Log | undefined
  /** For so long the store takes a request that must not come late. */
  readonly expiresSeconds?: number | undefined
}

/** A bucket. What must be on this machine (metadata, locks, parts on their way) is in a directory of its own, named after the bucket. */
export function openS3(config: S3Config, metadataPath: string | undefined, { log, expiresSeconds }: S3Options): OpenedStorage {
  const { settings, bucket } = openBucket(config, log, expiresSeconds)
  const keys = new KeySpace(settings.rootDirectory)
  const path = metadataPath ?? join(bucketStateDirectory(), nameOf(config), 'metadata.db')
  const parts = join(dirname(path), 'parts')
  return {
    objects: new S3Objects(bucket, keys),
    metadataPath: path,
    runDirectory: join(dirname(path), 'run'),
    driver: async ({ metadata, beganEpoch, processId: owner }) => {
      // No other process is alive, so that no process needs what lies there.
      if (beganEpoch) await removeParts(parts)
      await learnLateness(bucket, keys, log)
      const ledger = metadataLedger(metadata)
      const cache = config.cache && openCache(config.cache, dirname(path), log)
      const partDirectory = join(parts, owner ?? crypto.randomUUID())
      return new S3Driver({ settings, bucket, ledger, partDirectory, cache, owner })
    },
    guard: (mayChange) => bucket.guard(mayChange),
    storageTimeMs: () => bucket.storeTimeMs(),
    hurry: () => bucket.hurry(),
    cleanUp: async () => undefined,
  }
}

/** By a DELETE of what is not there. */
async function learnLateness(bucket: Bucket, keys: KeySpace, log: Log | undefined): Promise<void> {
  const nothing = storagePath(berthLayout.clock, crypto.randomUUID())
  if (await bucket.refusesLate(keys.keyOf(nothing))) return
  log?.warn('the object store does what comes late: what a request without an answer is about stays taken for 15 minutes')
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Of each process that ended without it. The directory is beside the database, where the operator may keep other things: they stay. */
async function removeParts(directory: string): Promise<void> {
  const names = (await readdir(directory).catch(undefinedIfMissing)) ?? []
  const left = names.filter((name) => UUID.test(name))
  await Promise.all(left.map((name) => rm(join(directory, name), { recursive: true, force: true })))
}

/** It is found again after a restart: what is in it was verified, and its names say what it is. */
function openCache({ directory, maxBytes }: BlobCacheConfig, beside: string, log: Log | undefined): BlobCache {
  const space = new CacheSpace({ directory: directory ?? join(beside, 'cache'), maxBytes })
  return new BlobCache({ space, onFailure: (error) => log?.warn('the cache of blobs failed, pulls go on without it', { error }) })
}

/** The bucket by itself. */
export function openBucket(
  config: S3Config,
  log: Log | undefined,
  expiresSeconds = EXPIRES_SECONDS,
): { readonly settings: S3Settings; readonly bucket: Bucket } {
  const settings = s3Settings(config, expiresSeconds)
  const watchers = log && {
    watch: (exchange: S3Exchange) => tell(log, config.logsRequests, exchange),
    onHidden: tellHiddenOnce(log, config),
  }
  return { settings, bucket: new Bucket({ settings, credentials: credentialSource(settings), ...watchers }) }
}

/** The first delete tells it; to ask for it beforehand is a right that registries do not need. */
function tellHiddenOnce(log: Log, { bucket }: Pick<S3Config, 'bucket'>): () => void {
  let isTold = false
  return () => {
    if (isTold) return
    isTold = true
    log.warn('the bucket keeps what is deleted as versions: it gets no smaller until a lifecycle rule removes them', { bucket })
  }
}

function s3Settings({ credentials, userAgent, cache: _, ...config }: S3Config, expiresSeconds: number): S3Settings {
  return {
    ...config,
    expiresSeconds,
    credentials: credentials && {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey.reveal(),
      sessionToken: credentials.sessionToken?.reveal(),
    },
    userAgent: userAgent ?? `berth/${manifest.version}`,
    certificateAuthorities: awsCertificateAuthorities(),
    isProxied: isProxied(
      config.endpoint?.startsWith('http:') || (config.endpoint === undefined && !config.secure) ? 'http:' : 'https:',
    ),
  }
}

/** Tells buckets of one name apart that are not the same. */
function nameOf({ endpoint, region, bucket, rootDirectory }: S3Config): string {
  const hash = Bun.hash(JSON.stringify([endpoint ?? region, bucket, rootDirectory])).toString(16)
  return `${bucket}-${hash}`
}

function tell(log: Log, logsRequests: boolean, { retried, query, ...exchange }: S3Exchange): void {
  const fields = { ...exchange, query: new URLSearchParams(query).toString(), durationMs: Math.round(exchange.durationMs) }
  const reason = retried?.cause instanceof Error ? retried.cause.message : undefined
  if (reason !== undefined) log.warn('object store request failed, it is tried again', { ...fields, reason })
  else if (logsRequests) log.info('object store request', fields)
}
