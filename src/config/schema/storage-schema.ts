import type { z } from 'zod'
import { collector } from './collector-schema.ts'
import { exact, key, notYet, optionalKey, optionalSection, type Reading, section } from './keys.ts'
import { layers, scrub } from './reading-schema.ts'
import { s3Section } from './s3-schema.ts'
import { boolean, durationMs, findBoolean, text, wholeNumber } from './values.ts'

/** The drivers that there are. */
export const STORAGE_DRIVERS: readonly string[] = ['filesystem', 's3', 's3aws', 'inmemory']

const filesystem = optionalSection({
  rootdirectory: key(text, {
    default: '/var/lib/registry',
    example: '/srv/registry',
    about: 'The folder that holds everything.',
    reading: emptyIsTheRoot,
  }),
  maxthreads: optionalKey(wholeNumber(0), {
    about: 'How many file operations may run at once.',
    example: '100',
    notice: () => 'Berth sizes its file pool by itself; UV_THREADPOOL_SIZE changes it.',
  }),
})

const cache = section({
  blobdescriptor: optionalKey(text, {
    about: 'Where registry:2 remembers what it looked up.',
    example: 'inmemory',
    notice: needsNoCache,
  }),
  blobdescriptorsize: optionalKey(wholeNumber(), { about: 'How much of it.', example: '10000', notice: needsNoCache }),
  layerinfo: optionalKey(text, { about: 'The old name of blobdescriptor.', example: 'inmemory', notice: needsNoCache }),
})

const maintenance = section({
  uploadpurging: section({
    enabled: key(boolean, {
      default: 'true',
      example: 'false',
      about: 'Removes uploads that were never finished.',
      reading: onlyBooleansSwitch('Unfinished uploads are removed'),
    }),
    age: key(durationMs, { default: '168h', example: '24h', about: 'How long an upload may rest before it counts as given up.' }),
    interval: key(durationMs, { default: '24h', example: '6h', about: 'How often to look for them.' }),
    dryrun: key(boolean, {
      default: 'false',
      example: 'true',
      about: 'Writes to the log what would be removed, and removes nothing.',
    }),
  }),
  readonly: section({
    enabled: key(boolean, { default: 'false', example: 'true', about: 'Answers every write with UNSUPPORTED.' }),
  }),
  collector,
  scrub,
  layers,
})

/** Where the bytes are and what may be done with them. Exactly one driver has its section. */
export const storage = exact(
  section({
    filesystem,
    inmemory: optionalSection({}, 'Keeps everything in memory, in one process. It takes no keys.'),
    s3: s3Section('Keeps everything in a bucket of S3 or of a server that speaks its protocol.'),
    s3aws: s3Section('Another name of s3.'),
    azure: otherDriver('Keeps everything in Azure Blob Storage.', [
      ...['accountname', 'container', 'accountkey', 'connectionstring', 'realm', 'serviceurl', 'rootdirectory'],
      ...['credentials.type', 'credentials.clientid', 'credentials.tenantid', 'credentials.secret', 'max_retries'],
      ...['retry_delay', 'skipverify'],
    ]),
    gcs: otherDriver('Keeps everything in Google Cloud Storage.', [
      ...['bucket', 'keyfile', 'credentials', 'rootdirectory', 'chunksize', 'maxconcurrency', 'useragent'],
    ]),
    oss: otherDriver('Keeps everything in the object storage of Alibaba Cloud; registry:2 only.'),
    swift: otherDriver('Keeps everything in OpenStack Swift; registry:2 only.'),
    cache,
    delete: section({
      enabled: key(boolean, {
        default: 'false',
        example: 'true',
        about: 'Allows clients to delete manifests, tags and blobs.',
        reading: onlyBooleansSwitch('Clients may not delete'),
      }),
    }),
    maintenance,
    redirect: section({
      disable: optionalKey(boolean, {
        about:
          'Whether clients are kept from being sent to the bucket for blobs. false sends them there; left out, unlike in registry:2, they are not.',
        example: 'false',
      }),
    }),
    tag: section({
      concurrencylimit: optionalKey(wholeNumber(0), {
        about: 'How many tags registry:3 reads at once when it looks for those of a manifest.',
        example: '8',
        notice: () => 'Berth finds the tags of a manifest in its database; the limit has no effect.',
      }),
    }),
  }),
)

/** registry:2 joins what is empty and `docker/registry/v2` to a path from the root. */
function emptyIsTheRoot(text: string): Reading | undefined {
  return text === ''
    ? { value: '/', notice: 'is empty, for which Berth takes /, as registry:2 does; write the folder.' }
    : undefined
}

/** registry:2 looks whether a boolean stands there, and takes everything else for nothing at all. */
function onlyBooleansSwitch(whatHolds: string) {
  return (text: string, isQuoted: boolean): Reading | undefined => {
    if (!isQuoted && findBoolean(text) !== undefined) return undefined
    const mistake = isQuoted ? 'is a text and no boolean; write it without quotes.' : 'is no boolean; write true or false.'
    return { value: null, notice: `has no effect, as in registry:2: it ${mistake} ${whatHolds}.` }
  }
}

/** What is told about where clients get their bytes. */
export function redirectNotices({ s3, s3aws, redirect }: z.output<typeof storage>): string[] {
  const hasBucket = s3 !== undefined || s3aws !== undefined
  if (hasBucket && redirect.disable === undefined) {
    return [
      'storage.redirect.disable: registry:2 sends clients to the bucket for blobs, Berth serves them itself unless this is false; true says so without a notice.',
    ]
  }
  if (hasBucket || redirect.disable !== false) return []
  return ['storage.redirect.disable: Berth sends clients to no other server; it serves every byte itself.']
}

/** Naming the driver asks for it, whatever stands below. */
function otherDriver(about: string, below: readonly string[] = []) {
  return notYet({ about, below, asks: () => true, advice: `use ${STORAGE_DRIVERS.join(' or ')}` })
}

function needsNoCache(): string {
  return 'Berth looks everything up in its database and needs no cache for it.'
}
