import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSources } from '../support/source-files.ts'

const LIMITS = readFileSync(join(import.meta.dir, '../../docs/operations/limits.md'), 'utf8')

/** What of a process lives longer than a call and may grow, by its file: the row of docs/operations/limits.md that tells its bound and its end. */
const TABLES: Readonly<Record<string, string>> = {
  'certificates/acme/acme-orders.ts #failures': 'Orders of certificates that failed',
  'metadata/sqlite/sqlite.ts #queue': 'Writes of metadata that wait',
  'metadata/sqlite/sqlite.ts #statements': 'Prepared statements',
  'metadata/sqlite/life-lock.ts #mine': 'Locks of this process',
  'http/server/slow-readers.ts #answers': 'Requests and answers at work',
  'http/server/server.ts #running': 'Requests and answers at work',
  'http/connections/connection-bound.ts #seen': 'Connections, while they are looked at',
  'observe/tracing/span-queue.ts #waiting': 'Spans on their way out',
  'observe/readiness.ts #silent': 'Health checks that fail',
  'observe/metrics/durations.ts #histograms': 'Series of metrics',
  'observe/metrics/certificate-metrics.ts #shown': 'Certificates in use',
  'observe/metrics/mirror-metrics.ts #upstreams': 'Series of metrics',
  'observe/metrics/request-metrics.ts methods': 'Series of metrics',
  'observe/metrics/request-metrics.ts statuses': 'Series of metrics',
  'observe/health/health-monitor.ts #failing': 'Health checks that fail',
  'access/own-tokens/signing-keys.ts #keys': 'Keys that sign tokens',
  'access/passwords/password-login.ts #checksUnderWay': 'Checks of passwords under way',
  'access/passwords/credential-memory.ts #entries': 'Passwords that were right',
  'access/passwords/failure-limit.ts #failures': 'Addresses that failed to log in',
  'access/accounts/current-accounts.ts #users': 'Users, robots and groups as they are',
  'access/accounts/current-accounts.ts #robots': 'Users, robots and groups as they are',
  'oci/manifest-bounds.ts #open': 'Requests and answers at work',
  'processes/worker-process.ts #questions': 'Questions between the processes of one machine',
  'processes/supervisor.ts #workers': 'Worker processes',
  'processes/supervisor.ts #watching': 'Worker processes',
  'runtime/semaphore.ts #waiting': 'Requests that wait for their turn',
  'storage/filesystem/durable-directories.ts #durable': 'Directories known to be durable',
  'storage/filesystem/trash.ts #emptying': 'Removals under way',
  'storage/s3/cache/blob-cache.ts #arriving': 'Objects of a bucket that arrive or are completed',
  'storage/s3/cache/blob-cache.ts #ending': 'Objects of a bucket that arrive or are completed',
  'storage/s3/uploads/part-space.ts #spare': 'Parts of uploads to a bucket',
  'storage/s3/uploads/object-uploads.ts #direct': 'Uploads at work',
  'storage/s3/uploads/object-uploads.ts #background': 'Removals under way',
  'storage/s3/uploads/object-upload.ts #onTheirWay': 'Parts of uploads to a bucket',
  'storage/s3/requests/store-connections.ts #idle': 'Connections to a store that wait',
  'storage/s3/requests/store-connection.ts #arrived': 'Connections to a store that wait',
  'storage/memory/memory.ts #files': 'A storage in memory',
  'storage/memory/memory.ts #directories': 'A storage in memory',
  'storage/memory/memory.ts #uploads': 'A storage in memory',
  'storage/memory/memory.ts #parts': 'A storage in memory',
  'registry/duties.ts #held': 'Background tasks',
  'registry/duties.ts #withHolder': 'Background tasks',
  'registry/maintenance.ts #tasks': 'Background tasks',
  'registry/collect/untagged.ts #kept': 'Manifests of one repository, while the untagged ones are counted',
  'retention/highest.ts #heap': 'Tags and manifests of one repository, while rules are applied',
  'retention/tag-decisions.ts #pushedMs': 'Tags and manifests of one repository, while rules are applied',
  'retention/tag-decisions.ts #unknown': 'Tags and manifests of one repository, while rules are applied',
  'retention/tag-decisions.ts #versionKeys': 'Tags and manifests of one repository, while rules are applied',
  'registry/keeping/earlier-images.ts #times': 'What tags led to, while rules with `moves` are applied',
  'registry/retention/retention-bytes.ts #gathered': 'Tags and manifests of one repository, while rules are applied',
  'registry/events/pull-events.ts #waiting': 'Pulls that wait for their events to be written',
  'registry/notifications/endpoint-delivery.ts #statuses': 'Answers of an endpoint, by their status',
  'registry/pulls/pull-notes.ts #waiting': 'Pulls that wait to be written',
  'registry/pulls/pull-notes.ts #recent': 'Tags that were asked for by HEAD, and image indexes that were pulled',
  'registry/pulls/pull-notes.ts #before': 'Tags that were asked for by HEAD, and image indexes that were pulled',
  'registry/pulls/pull-records.ts #parts': 'A record of pulls, while it is written',
  'registry/shown/ordered-tags.ts #kept': 'Tags of repositories that were sorted a moment ago',
  'registry/shown/storage-uses.ts #kept': 'Bytes of repositories that were counted a moment ago',
  'registry/deleting/removing.ts #kept': 'What a preview of `berth delete` tells of changes and of image indexes',
  'registry/deleting/removing.ts #changed': 'What a preview of `berth delete` tells of changes and of image indexes',
  'registry/deleting/preview.ts #namedBy': 'What a preview of `berth delete` tells of changes and of image indexes',
  'registry/deleting/undeletion.ts #done': 'What `berth undelete` brings back',
  'registry/deleting/kept-images.ts #kept': 'Manifests of one repository that stay when it is deleted',
  'registry/deleting/image-closure.ts #steps': 'Manifests to which only one leads that is being deleted',
  'registry/mirror/absences.ts #untilMs': 'What an upstream did not have a moment ago',
  'registry/mirror/arriving-blob.ts #pieces': 'Fetches from an upstream (`mirrors`, `proxy`)',
  'registry/mirror/arriving-blob.ts #retired': 'Fetches from an upstream (`mirrors`, `proxy`)',
  'registry/mirror/fetch-rows.ts #deadSinceMs': 'Processes that died while they fetched',
  'registry/mirror/space/staying.ts #untilMs': 'Images that a mirror was to let go of, and that stay',
  'registry/mirror/space/least-used.ts #found': 'What a mirror may let go of next',
  'registry/mirror/space/mirror-space.ts #unused': 'What a mirror may let go of next',
  'registry/mirror/blob-fetches.ts #running': 'Fetches from an upstream (`mirrors`, `proxy`)',
  'registry/mirror/mirrored-manifests.ts #asking': 'Questions to an upstream',
  'registry/mirror/mirrored-manifests.ts #lookedUpAtMs': 'Tags that were looked up at an upstream',
  'registry/mirror/mirrored-referrers.ts #asking': 'Questions to an upstream',
  'registry/mirror/mirrored-referrers.ts #remembered': 'Lists of referrers that an upstream gave',
  'upstream/login.ts #renewals': 'Questions to an upstream',
  'upstream/login.ts #tokens': 'Tokens of an upstream',
  'registry/rest.ts #waiting': 'Requests that wait for their turn',
  'registry/uploads/turns.ts #waiting': 'Requests that wait for their turn',
  'registry/writes/operations.ts #unsettled': 'Operations that are not settled, and their waiting',
  'registry/writes/operations.ts #underWayMs': 'Operations that are not settled, and their waiting',
  'registry/writes/operations.ts #leftSince': 'Operations that are not settled, and their waiting',
  'registry/writes/operations.ts #running': 'Operations that are not settled, and their waiting',
  'registry/content/named-content.ts #manifests': 'What a manifest names, while it is pushed',
  'registry/content/named-content.ts #links': 'What a manifest names, while it is pushed',
  'registry/content/remembered-manifests.ts #found': 'Manifests of up to 64 KiB that were just served',
  'registry/uploads/running-digests.ts #byUpload': 'Digests of open uploads',
  'registry/uploads/upload-files.ts #atWork': 'Uploads at work',
  'registry/uploads/upload-files.ts #abandoned': 'Uploads at work',
  'registry/scan/repository-scan.ts #running': 'Scans of repositories under way',
  'registry/scan/listed-repository.ts #listed': 'Scans of repositories under way',
  'registry/scan/listed-repository.ts #revisions': 'Scans of repositories under way',
  'registry/scan/listed-repository.ts #left': 'Scans of repositories under way',
}

/** Commands end, and what they hold with them. */
const OF_COMMANDS = /^(cli|config|doctor|images|recipes|storage-copy|registry\/(?:collect|check)\/command)\//
const FIELD = /^ {2}(?:readonly )?(#?\w+)(?:: .+?)? = (?:new (?:Map|Set)\b|\[\])/gm

test('the limits name every table in the memory of a process, with its bound and its end', () => {
  const found = readSources()
    .filter(({ path }) => !path.endsWith('.test.ts') && !OF_COMMANDS.test(path))
    .flatMap(({ path, text }) => [...text.matchAll(FIELD)].map(([, field]) => `${path} ${field}`))

  expect(found.toSorted()).toEqual(Object.keys(TABLES).toSorted())
  expect([...new Set(Object.values(TABLES))].filter((row) => !LIMITS.includes(`| ${row}`))).toEqual([])
})
