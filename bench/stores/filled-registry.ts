import { putFacts } from '../../src/metadata/facts/image-facts.ts'
import type { Query } from '../../src/metadata/query.ts'
import { writeProperty } from '../../src/metadata/scans.ts'
import { checkpoint } from '../../src/metadata/sqlite/checkpoint.ts'
import { SearchIndex } from '../../src/registry/search/search-index.ts'
import { BerthInProcess } from '../../test/support/berth-in-process.ts'
import { metadataPath } from '../../test/support/test-root.ts'
import { BASE_LAYERS, baseLayer, type FilledNames, imagesOf, namesOf, tagsOf } from './filled-images.ts'
import { MANIFEST_TYPE, tagName } from './layout-store.ts'

const REPOSITORIES_AT_ONCE = 1_000
const ACTIVITIES = 10_000
const FIRST_DAY = 19_700
export interface FilledRegistry extends FilledNames {
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
  const { names, large } = namesOf(repositories)
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

interface Filling {
  /** The number of the first of these. */
  readonly first: number
  readonly epoch: number
  readonly large: FilledRegistry['large']
}

async function putRepositories(query: Query, names: readonly string[], { first, epoch, large }: Filling): Promise<void> {
  const filled = names.map((name, index) => ({ id: first + index + 1, name, images: imagesOf(first + index + 1, name) }))
  await query.run(
    'INSERT INTO repository (id, name, scanned_epoch) SELECT value ->> 0, value ->> 1, CAST(? AS INTEGER) FROM json_each(?)',
    epoch,
    JSON.stringify(filled.map(({ id, name }) => [id, name])),
  )
  const images = filled.flatMap(({ images }) => images)
  for (const { digest, facts } of images) await putFacts(query, digest, facts)
  await query.run(
    `INSERT INTO manifest_content (digest, media_type, size, bytes)
     SELECT value ->> 0, '${MANIFEST_TYPE}', octet_length(value ->> 1), CAST(value ->> 1 AS BLOB) FROM json_each(?)`,
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
  const tags = filled.flatMap(({ id, name, images }) =>
    tagsOf(name, images, large).map(({ tag, image }) => [id, tag, image.digest]),
  )
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
