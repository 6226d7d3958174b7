import { afterEach, beforeEach, expect, spyOn, test } from 'bun:test'
import { triesAll } from '../../../test/support/effort.ts'
import { SeededRandom, seedFor } from '../../../test/support/seeded-random.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { type OpenedMetadata, openMetadata } from '../../metadata/sqlite/open.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { type GoingSet, OnlyHeld } from './only-held.ts'
import { Questions } from './questions.ts'

const REGISTRIES = triesAll ? 300 : 40
const ATTACHED = `sha256-${'0'.repeat(64)}.sig`
const random = new SeededRandom(seedFor('bytes that only some manifests hold'))
const signal = new AbortController().signal

let folder: TemporaryFolder
let opened: OpenedMetadata

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  const storeId = async () => 'a store'
  opened = await openMetadata({ path: folder.join('metadata.db'), runDirectory: folder.join('run'), storeId })
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

/** What is in the tables, as plain lists. */
interface Rows {
  readonly blobs: ReadonlyMap<Digest, number | null>
  readonly manifests: readonly {
    readonly id: number
    readonly digest: Digest
    readonly linked: 0 | 1
    readonly subject: Digest | null
  }[]
  readonly references: readonly {
    readonly id: number
    readonly manifest: Digest
    readonly target: Digest
    readonly role: string
  }[]
  readonly links: readonly { readonly id: number; readonly digest: Digest; readonly target: Digest }[]
  readonly tags: readonly { readonly id: number; readonly name: string; readonly digest: Digest }[]
}

const digestAt = (place: number): Digest => parseDigest(`sha256:${place.toString(16).padStart(64, '0')}`)

/** A few repositories, in which few digests are everything: manifests, what they name, links by another name. */
function randomRows(): Rows {
  const digests = Array.from({ length: 32 }, (_, place) => digestAt(place))
  const pairs = [1, 2, 3].flatMap((id) => digests.map((digest) => ({ id, digest })))
  const manifests = pairs
    .filter(() => random.chance(0.5))
    .map((pair) => ({
      ...pair,
      linked: random.chance(0.85) ? (1 as const) : (0 as const),
      subject: random.chance(0.2) ? random.pick(digests) : null,
    }))
  const references = manifests.flatMap(({ id, digest: manifest }) =>
    digests.flatMap((target) =>
      ['layer', 'child'].filter(() => random.chance(0.04)).map((role) => ({ id, manifest, target, role })),
    ),
  )
  const links = pairs
    .filter(() => random.chance(0.5))
    .map((pair) => ({ ...pair, target: random.chance(0.9) ? pair.digest : random.pick(digests) }))
  const tags = manifests
    .filter(() => random.chance(0.3))
    .map(({ id, digest }, place) => ({ id, digest, name: random.chance(0.2) ? ATTACHED : `v${place}` }))
    .filter(({ id, name }, place, all) => all.findIndex((other) => other.id === id && other.name === name) === place)
  const blobs = new Map(
    digests.filter(() => random.chance(0.9)).map((digest, place) => [digest, random.chance(0.9) ? 2 ** place : null]),
  )
  return { blobs, manifests, references, links, tags }
}

async function write({ blobs, manifests, references, links, tags }: Rows): Promise<void> {
  await opened.metadata.write(async (query) => {
    for (const table of ['blob', 'manifest', 'reference', 'link', 'tag', 'repository']) await query.run(`DELETE FROM ${table}`)
    for (const id of [1, 2, 3]) await query.run('INSERT INTO repository (id, name) VALUES (?, ?)', id, `app${id}`)
    for (const [digest, size] of blobs)
      await query.run("INSERT INTO blob (digest, state, size, touched_ms, number) VALUES (?, 'live', ?, 0, 1)", digest, size)
    for (const { id, digest, linked, subject } of manifests)
      await query.run(
        'INSERT INTO manifest (repository_id, digest, held, linked, subject, number, epoch) VALUES (?, ?, ?, ?, ?, 1, 1)',
        ...[id, digest, linked, linked, subject],
      )
    for (const { id, manifest, target, role } of references)
      await query.run(
        'INSERT INTO reference (repository_id, manifest, target, role) VALUES (?, ?, ?, ?)',
        id,
        manifest,
        target,
        role,
      )
    for (const { id, digest, target } of links)
      await query.run(
        'INSERT INTO link (repository_id, digest, target, number, epoch) VALUES (?, ?, ?, 1, 1)',
        id,
        digest,
        target,
      )
    for (const { id, name, digest } of tags)
      await query.run(
        'INSERT INTO tag (repository_id, name, digest, held, number, epoch) VALUES (?, ?, ?, 1, 1, 1)',
        id,
        name,
        digest,
      )
  })
}

/** Adds what only these lead to, by one look at everything after another. */
function follow({ manifests, references, tags }: Rows, id: number, going: ReadonlySet<Digest>): ReadonlySet<Digest> {
  const isThere = (digest: Digest) => manifests.some((each) => each.id === id && each.digest === digest && each.linked === 1)
  const follows = manifests.filter(({ id: own, digest, linked, subject }) => {
    if (own !== id || linked === 0 || going.has(digest)) return false
    if (tags.some((tag) => tag.id === id && tag.digest === digest && tag.name !== ATTACHED)) return false
    const naming = references.filter((each) => each.id === id && each.target === digest)
    const isChild = naming.some(({ role, manifest }) => role === 'child' && going.has(manifest))
    if (!isChild && (subject === null || !going.has(subject))) return false
    return naming.every(({ manifest }) => manifest === digest || !isThere(manifest) || going.has(manifest))
  })
  if (follows.length === 0) return going
  return follow({ manifests, references, tags } as Rows, id, going.union(new Set(follows.map(({ digest }) => digest))))
}

function bytesOf({ blobs, manifests, references, links }: Rows, id: number, going: ReadonlySet<Digest>): number {
  const own = links.filter((link) => {
    const naming = references.filter((each) => each.id === id && each.target === link.digest)
    const isManifest = manifests.some(({ digest, linked }) => digest === link.target && linked === 1)
    if (link.id !== id || isManifest || links.some((other) => other !== link && other.target === link.target)) return false
    return naming.length > 0 && naming.every(({ manifest }) => going.has(manifest))
  })
  const themselves = [...going].filter((digest) => {
    const isElsewhere = manifests.some((each) => each.digest === digest && each.linked === 1 && each.id !== id)
    return !isElsewhere && links.every(({ target }) => target !== digest)
  })
  return [...own.map(({ target }) => target), ...themselves].reduce((bytes, digest) => bytes + (blobs.get(digest) ?? 0), 0)
}

test.each(['some hundred manifests', 'ten manifests'])(
  'bytes are those that a look at everything finds, with %s in a question',
  async (atOnce) => {
    // Each answer takes long: then the next question is about half as many.
    let usedMicroseconds = 0
    const used = () => {
      usedMicroseconds += 10_000
      return { user: usedMicroseconds, system: 0 }
    }
    const clock = atOnce === 'ten manifests' ? spyOn(process, 'cpuUsage').mockImplementation(used) : undefined
    try {
      for (let registry = 0; registry < REGISTRIES; registry += 1) {
        const rows = randomRows()
        await write(rows)
        const sets = [1, 2, 3, 1].map((id) => {
          const own = rows.manifests.filter((manifest) => manifest.id === id).map(({ digest }) => digest)
          return { repositoryId: id, going: new Set(random.some(own, 1 + random.below(own.length + 1))) }
        })
        const copies = (): GoingSet[] => sets.map(({ repositoryId, going }) => ({ repositoryId, going: new Set(going) }))
        const followed = sets.map(({ repositoryId, going }) => follow(rows, repositoryId, going))
        const onlyHeld = new OnlyHeld(new Questions(opened.metadata.read, { signal }))
        if (clock !== undefined) for (let times = 0; times < 10; times += 1) await onlyHeld.bytesWithFollowing(copies())

        const found = [await onlyHeld.bytesOf(copies()), await onlyHeld.bytesWithFollowing(copies())]
        const each = await Promise.all(copies().map((set) => onlyHeld.bytesWithFollowing([set])))

        const expected = sets.map(({ repositoryId, going }) => bytesOf(rows, repositoryId, going))
        const withFollowing = sets.map(({ repositoryId }, place) => bytesOf(rows, repositoryId, followed[place] ?? new Set()))
        expect({ registry, found }).toEqual({ registry, found: [sumOf(expected), sumOf(withFollowing)] })
        expect({ registry, each }).toEqual({ registry, each: withFollowing })
      }
    } finally {
      clock?.mockRestore()
    }
  },
)

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
