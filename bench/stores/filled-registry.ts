import { createHash } from 'node:crypto'
import { putFacts } from '../../src/metadata/facts/image-facts.ts'
import type { Query } from '../../src/metadata/query.ts'
import { writeProperty } from '../../src/metadata/scans.ts'
import { checkpoint } from '../../src/metadata/sqlite/checkpoint.ts'
import { type Digest, parseDigest } from '../../src/oci/digest.ts'
import { factsOf } from '../../src/oci/image/image-facts.ts'
import { type Manifest, parseManifest } from '../../src/oci/manifest.ts'
import { SearchIndex } from '../../src/registry/search/search-index.ts'
import { BerthInProcess } from '../../test/support/berth-in-process.ts'
import { metadataPath } from '../../test/support/test-root.ts'
import { tagName } from './layout-store.ts'

const IMAGES_OF_REPOSITORY = 3
const TAGS_OF_REPOSITORY = 9
const BASE_LAYERS = 50
const REPOSITORIES_AT_ONCE = 1_000
const ACTIVITIES = 10_000
const OCI = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'
const FIRST_DAY = 19_700
/** Names are made of these, and what images say of themselves. */
const WORDS = [
  ...[
    'payment',
    'search',
    'compiler',
    'gateway',
    'thrift',
    'mongodb',
    'frontend',
    'worker',
    'billing',
    'mail',
    'orders',
    'users',
  ],
  ...['images', 'backup', 'proxy', 'router', 'events', 'reports', 'metrics', 'ledger', 'stock', 'maps', 'video', 'chat', 'forms'],
]

export interface FilledRegistry {
  /** `team-7/payment-745` */
  readonly names: readonly string[]
  /** A repository of so many tags. */
  readonly large: { readonly name: string; readonly tags: number }
  /** Ends the process that the rows belong to: they count for as long as one of its epoch lives. */
  end(): Promise<void>
}

/**
 * Writes the rows of so many repositories with ten times as many tags into the tables of a data directory, as a scan of them would have left them. There are no such files: rows of an epoch are
 * believed while a process of it lives, which this one is.
 */
export async function fillRegistry(data: string, repositories: number): Promise<FilledRegistry> {
  const berth = await BerthInProcess.start(data)
  const { metadata, epoch } = berth.opened
  const large = { name: 'large/app', tags: repositories }
  const names = [...Array.from({ length: repositories - 1 }, (_, number) => nameOf(number)), large.name]
  await metadata.write(async (query) => {
    const rows = Array.from({ length: BASE_LAYERS }, (_, number) => [baseLayer(number), 30_000_000 + number])
    await putBlobs(query, rows)
    await putActivities(query, names)
  })
  for (let first = 0; first < names.length; first += REPOSITORIES_AT_ONCE) {
    const some = names.slice(first, first + REPOSITORIES_AT_ONCE)
    await metadata.write(async (query) => await putRepositories(query, some, { first, epoch, large }))
    checkpoint(metadataPath(data))
  }
  await metadata.write(async (query) => {
    await query.run("UPDATE counter SET value = ? WHERE name = 'repository-id'", names.length + 1)
    for (const name of ['names-epoch', 'blobs-epoch', 'seen-epoch', 'complete-epoch'] as const)
      await writeProperty(query, name, String(epoch))
    await writeProperty(query, 'complete-at-ms', String(Date.now()))
  })
  await new SearchIndex(metadata).catchUp(new AbortController().signal)
  checkpoint(metadataPath(data))
  return { names, large, end: async () => await berth[Symbol.asyncDispose]() }
}

function nameOf(number: number): string {
  return `team-${Math.floor(number / 100)}/${WORDS[number % WORDS.length]}-${number}`
}

interface Filling {
  /** The number of the first of these. */
  readonly first: number
  readonly epoch: number
  readonly large: FilledRegistry['large']
}

async function putRepositories(query: Query, names: readonly string[], { first, epoch, large }: Filling): Promise<void> {
  const ids = names.map((name, index) => [first + index + 1, name] as const)
  await query.run(
    'INSERT INTO repository (id, name, scanned_epoch) SELECT value ->> 0, value ->> 1, CAST(? AS INTEGER) FROM json_each(?)',
    epoch,
    JSON.stringify(ids),
  )
  const images = ids.flatMap(([id, name]) => Array.from({ length: IMAGES_OF_REPOSITORY }, (_, image) => imageOf(id, name, image)))
  for (const { digest, facts } of images) await putFacts(query, digest, facts)
  await query.run(
    `INSERT INTO manifest_content (digest, media_type, size, bytes)
     SELECT value ->> 0, '${OCI}', octet_length(value ->> 1), CAST(value ->> 1 AS BLOB) FROM json_each(?)`,
    JSON.stringify(images.map(({ digest, text }) => [digest, text])),
  )
  await putBlobs(
    query,
    images.flatMap(({ digest, text, own }) => [[digest, text.length], ...own]),
  )
  await query.run(
    `INSERT INTO manifest (repository_id, digest, held, linked, number, epoch)
     SELECT value ->> 0, value ->> 1, 1, 1, 0, CAST(? AS INTEGER) FROM json_each(?)`,
    epoch,
    JSON.stringify(images.map(({ id, digest }) => [id, digest])),
  )
  await query.run(
    `INSERT INTO link (repository_id, digest, target, number, epoch)
     SELECT value ->> 0, value ->> 1, value ->> 1, 0, CAST(? AS INTEGER) FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
    epoch,
    JSON.stringify(images.flatMap(({ id, named }) => named.map(([target]) => [id, target]))),
  )
  await query.run(
    `INSERT INTO reference (repository_id, manifest, target, role)
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)`,
    JSON.stringify(images.flatMap(({ id, digest, named }) => named.map(([target, role]) => [id, digest, target, role]))),
  )
  const tags = ids.flatMap(([id, name], index) => {
    const count = name === large.name ? large.tags : TAGS_OF_REPOSITORY
    const of = images.slice(index * IMAGES_OF_REPOSITORY)
    return Array.from({ length: count }, (_, tag) => [id, tagName(tag), of[tag % IMAGES_OF_REPOSITORY]?.digest])
  })
  await query.run(
    `INSERT INTO tag (repository_id, name, digest, held, number, epoch, pushed_ms)
     SELECT value ->> 0, value ->> 1, value ->> 2, 1, 0, CAST(? AS INTEGER), 1700000000000 FROM json_each(?)`,
    epoch,
    JSON.stringify(tags),
  )
  await query.run(
    `INSERT INTO pull_day (repository, reference, day, count, last_ms)
     SELECT n.value, r.value, d.value, 1 + length(n.value), 86400000 * d.value FROM json_each(?) n, json_each(?) r, json_each(?) d`,
    JSON.stringify(names.filter((_, index) => index % 10 === 0)),
    JSON.stringify(['', tagName(0)]),
    JSON.stringify(Array.from({ length: 10 }, (_, day) => FIRST_DAY + day)),
  )
}

async function putBlobs(query: Query, rows: readonly (readonly (string | number)[])[]): Promise<void> {
  await query.run(
    `INSERT INTO blob (digest, state, size, touched_ms, number) SELECT value ->> 0, 'live', value ->> 1, 0, 0 FROM json_each(?)`,
    JSON.stringify(rows),
  )
}

async function putActivities(query: Query, names: readonly string[]): Promise<void> {
  const moves = Array.from({ length: ACTIVITIES }, (_, number) => [names[(number * 31) % names.length], tagName(number % 9)])
  await query.run(
    `INSERT INTO activity (repository, tag, digest, before, at_ms, by, how)
     SELECT value ->> 0, value ->> 1, ?, NULL, 1700000000000 + key, 'robot:ci', 'manifest push' FROM json_each(?)`,
    baseLayer(0),
    JSON.stringify(moves),
  )
}

function imageOf(id: number, name: string, image: number) {
  const word = WORDS[(id + image) % WORDS.length] ?? ''
  const [config, layer] = [digestOf(`config of ${name} ${image}`), digestOf(`layer of ${name} ${image}`)]
  const bases = [baseLayer(id % BASE_LAYERS), baseLayer((id + image + 1) % BASE_LAYERS)]
  const text = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: OCI, config: { mediaType: CONFIG_TYPE, digest: config, size: 1_500 } },
    layers: [...bases, layer].map((digest, index) => ({ mediaType: LAYER_TYPE, digest, size: 30_000_000 + index })),
    annotations: {
      'org.opencontainers.image.title': name,
      'org.opencontainers.image.description': `The ${word} service, made by team ${id % 997}`,
    },
  })
  const manifest: Manifest = parseManifest(new TextEncoder().encode(text), OCI)
  const facts = {
    ...factsOf(manifest, undefined),
    createdMs: 1_600_000_000_000 + ((id * 7_919 + image * 104_729) % 100_000_000_000),
  }
  const named = [[config, 'config'], ...[...bases, layer].map((digest) => [digest, 'layer'] as const)] as readonly (readonly [
    Digest,
    string,
  ])[]
  const own = [
    [config, 1_500],
    [layer, 30_000_002],
  ] as const
  return { id, text, facts, named, own, digest: digestOf(text) }
}

function baseLayer(number: number): Digest {
  return digestOf(`base layer ${number}`)
}

function digestOf(text: string): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`)
}
