import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DiskModel, type DiskTree } from './disk-model.ts'
import type { DatabaseFiles, Moment, RecordedRun } from './recorded-run.ts'
import type { SeededRandom } from './seeded-random.ts'
import { metadataPath } from './test-root.ts'

/** One way in which the story may have ended. */
export interface Cut {
  /** Where, what survived, and which database, in words. */
  readonly title: string
  readonly tree: DiskTree
  /** Undefined: the database was lost. */
  readonly database: DatabaseFiles | undefined
  readonly acknowledged: ReadonlySet<string>
}

export interface CutOptions {
  /** The first moment after which a cut comes. */
  readonly from: number
  readonly random: SeededRandom
  /** With each of the databases; else with one that chance picks. */
  readonly everything: boolean
  /** Without the ways that leave the same on a disk of the other kind, where they are tried. */
  readonly onlyOfThisDisk?: boolean
}

/**
 * Every way in which a run may be cut from a moment on: after each step, with what was durable, with names that outlived their bytes,
 * with more or less of what the system had written back by itself, and with everything, as kill -9 leaves it; each with the
 * database lost, as it was committed, and as it was when the operations began. What looks the same comes once.
 */
export function* cutsOf(run: RecordedRun, { from, random, everything, onlyOfThisDisk = false }: CutOptions): Generator<Cut> {
  const seen = new Set<string>()
  const oldest = run.moments[from]?.database
  const writtenBack = new DiskModel({ syncsNames: run.syncsNames })
  let number = 0
  for (const { moment, model } of run.replay()) {
    if (moment.step !== undefined) writtenBack.apply(moment.step)
    if (random.chance(WRITE_BACK_CHANCE)) writtenBack.writeBack((count) => random.below(count))
    number += 1
    if (number <= from) continue
    for (const [survival, tree] of treesOf(model, writtenBack)) {
      if (onlyOfThisDisk && SAME_ON_ANY_DISK.includes(survival)) continue
      const databases = databasesOf(moment, survival === EVERYTHING ? moment.database : oldest)
      for (const [age, database] of everything ? databases : [random.pick(databases)]) {
        const key = `${fingerprintOf(tree)} ${fingerprintOfDatabase(database)} ${[...moment.acknowledged]}`
        if (seen.has(key)) continue
        seen.add(key)
        const title = `after ${wordsFor(moment)} (${number - from}): ${survival}, ${age}`
        yield { title, tree, database, acknowledged: moment.acknowledged }
      }
    }
  }
}

/** Makes the data directory what the cut left. */
export function rebuild(run: RecordedRun, { tree, database }: Cut): void {
  rmSync(run.root, { recursive: true, force: true })
  mkdirSync(run.root)
  for (const [path, bytes] of tree) {
    if (bytes === undefined) mkdirSync(join(run.root, path))
    else writeFileSync(join(run.root, path), bytes)
  }
  if (database === undefined) return
  const path = metadataPath(run.root)
  mkdirSync(dirname(path), { recursive: true })
  linkSync(run.keptDatabase, path)
  writeFileSync(path, database.database)
  if (database.log.length > 0) writeFileSync(`${path}-wal`, database.log)
}

/** What kill -9 leaves: its database is never an older one. */
const EVERYTHING = 'everything'
const NAMES_WITHOUT_BYTES = 'names without bytes'
/** What a file's sync does to its name makes no difference to these. */
const SAME_ON_ANY_DISK: readonly string[] = [NAMES_WITHOUT_BYTES, EVERYTHING]
const WRITE_BACK_CHANCE = 0.3

function treesOf(model: DiskModel, writtenBack: DiskModel): readonly (readonly [string, DiskTree])[] {
  return [
    ['what is durable', model.survivors('durable')],
    [NAMES_WITHOUT_BYTES, model.survivors('names')],
    ['what was written back', writtenBack.survivors('durable')],
    [EVERYTHING, model.survivors('everything')],
  ]
}

function databasesOf(moment: Moment, oldest: DatabaseFiles | undefined) {
  return [
    ['without a database', undefined],
    ['with the database', moment.database],
    ['with an older database', oldest],
  ] as const
}

const fingerprints = new WeakMap<DatabaseFiles, string>()

function fingerprintOfDatabase(database: DatabaseFiles | undefined): string {
  if (database === undefined) return 'none'
  const known = fingerprints.get(database)
  if (known !== undefined) return known
  const fingerprint = `${Bun.hash(database.database)} ${Bun.hash(database.log)}`
  fingerprints.set(database, fingerprint)
  return fingerprint
}

function fingerprintOf(tree: DiskTree): bigint | number {
  const lines = [...tree].map(([path, bytes]) => `${path} ${bytes === undefined ? 'directory' : Bun.hash(bytes)}`)
  return Bun.hash(lines.sort().join('\n'))
}

function wordsFor({ step }: Moment): string {
  if (step === undefined) return 'a commit'
  const words = Object.entries(step).map(([key, value]) => (key === 'bytes' ? `${value.length} bytes` : String(value)))
  return words.join(' ').replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '*')
}
