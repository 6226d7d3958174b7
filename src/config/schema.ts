import { z } from 'zod'
import {
  boolean,
  durationMs,
  headerName,
  headerValues,
  key,
  listenAddress,
  map,
  notYet,
  oneOf,
  optionalKey,
  optionalSection,
  pathPrefix,
  publicUrl,
  requiredKey,
  secret,
  section,
  text,
  wholeNumber,
} from './keys.ts'

/** Every key of a configuration file: this is the one place that names it, says what it may hold, and what holds when it is absent. */

const log = section({
  level: key(oneOf('error', 'warn', 'info', 'debug'), { default: 'info', about: 'What is written: this and everything graver.' }),
  formatter: key(oneOf('text', 'json', 'logstash'), { default: 'text', about: 'How a line looks.' }),
  fields: map(text),
  accesslog: section({ disabled: key(boolean, { default: 'false', about: 'Leaves out the line for each request.' }) }),
  hooks: notYet(),
  reportcaller: notYet(),
})

const filesystem = optionalSection({
  rootdirectory: key(text, { default: '/var/lib/registry', about: 'The folder that holds everything.' }),
  maxthreads: optionalKey(wholeNumber(0), {
    about: 'How many file operations may run at once.',
    notice: () => 'Berth sizes its file pool by itself; UV_THREADPOOL_SIZE changes it.',
  }),
})

const cache = section({
  blobdescriptor: optionalKey(text, { about: 'Where registry:2 remembers what it looked up.', notice: needsNoCache }),
  blobdescriptorsize: optionalKey(wholeNumber(Number.MIN_SAFE_INTEGER), { about: 'How much of it.', notice: needsNoCache }),
  layerinfo: optionalKey(text, { about: 'The old name of blobdescriptor.', notice: needsNoCache }),
})

const maintenance = section({
  uploadpurging: section({
    enabled: key(boolean, { default: 'true', about: 'Removes uploads that nobody finished.' }),
    age: key(durationMs, { default: '168h', about: 'How long an upload may rest before it counts as given up.' }),
    interval: key(durationMs, { default: '24h', about: 'How often to look for them.' }),
    dryrun: key(boolean, { default: 'false', about: 'Writes to the log what would be removed, and removes nothing.' }),
  }),
  readonly: section({ enabled: key(boolean, { default: 'false', about: 'Answers every write with UNSUPPORTED.' }) }),
})

const storage = section({
  filesystem,
  inmemory: optionalSection({}),
  azure: notYet(),
  gcs: notYet(),
  oss: notYet(),
  s3: notYet(),
  s3aws: notYet(),
  swift: notYet(),
  cache,
  delete: section({ enabled: key(boolean, { default: 'false', about: 'Allows clients to delete manifests, tags and blobs.' }) }),
  maintenance,
  redirect: section({
    disable: optionalKey(boolean, {
      about: 'Keeps clients from being sent to the storage for bytes.',
      notice: (value) => (value === 'true' ? undefined : 'Berth sends clients to no other server; it serves every byte itself.'),
    }),
  }),
  tag: section({
    concurrencylimit: optionalKey(wholeNumber(0), {
      about: 'How many tags registry:3 reads at once when it looks for those of a manifest.',
      notice: () => 'Berth finds the tags of a manifest in its database; the limit has no effect.',
    }),
  }),
})

const http = section({
  addr: key(listenAddress, { default: ':5000', about: 'Where to listen.' }),
  net: key(oneOf('tcp', 'unix'), { default: 'tcp', about: 'Whether addr is a network address or the path of a socket.' }),
  host: optionalKey(publicUrl, {
    about: 'The address that clients use.',
    notice: () => `${locationsArePaths()} Of this address only its path is used.`,
  }),
  prefix: key(pathPrefix, { default: '/', about: 'The path before /v2/.' }),
  secret: optionalKey(secret, {
    about: 'What registry:2 signs the state of uploads with.',
    notice: () => 'Upload addresses of Berth carry no state to sign; the secret is not used.',
  }),
  relativeurls: optionalKey(boolean, {
    about: 'Answers with paths instead of whole addresses in Location.',
    notice: (value) => (value === 'true' ? undefined : locationsArePaths()),
  }),
  headers: map(headerValues, headerName),
  // Docker kills a container that is still there ten seconds after it was asked to stop.
  draintimeout: key(durationMs, { default: '8s', about: 'How long requests may take to finish when Berth is asked to stop.' }),
  debug: notYet(),
  h2c: notYet(),
  http2: notYet(),
  tls: notYet(),
})

export const schema = section({
  version: requiredKey(z.literal('0.1', { error: 'must be 0.1' }), { about: 'The version of the format of this file.' }),
  log,
  storage,
  http,
  metadata: section({
    path: optionalKey(text, {
      about: 'The file of the metadata database; berth/metadata.db below the root folder when left out.',
    }),
  }),
  catalog: section({
    maxentries: key(wholeNumber(Number.MIN_SAFE_INTEGER), { default: '1000', about: 'The most repositories in one answer.' }),
  }),
  tags: section({ maxtags: key(wholeNumber(0), { default: '1000', about: 'The most tags in one answer.' }) }),
  auth: notYet(),
  compatibility: notYet(),
  health: notYet(),
  loglevel: notYet(),
  middleware: notYet(),
  notifications: notYet(),
  policy: notYet(),
  proxy: notYet(),
  redis: notYet(),
  reporting: notYet(),
  validation: notYet(),
})

/** What the schema makes of a file that has no errors. */
export type ParsedConfig = z.output<typeof schema>

function needsNoCache(): string {
  return 'Berth looks everything up in its database and needs no cache for it.'
}

function locationsArePaths(): string {
  return 'Berth answers with paths alone in Location, which are right behind every proxy.'
}
