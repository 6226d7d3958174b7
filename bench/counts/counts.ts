import { join } from 'node:path'
import { openDisk } from '../../src/storage/filesystem/disk.ts'
import { eventSettings } from '../../test/support/notification-settings.ts'
import { countFileCalls } from './count-file-calls.ts'
import { countStatements } from './count-statements.ts'

/** `<work>.<figure>` → count, of all that Berth does for a request of each kind and that no machine changes. */
export type Counts = Readonly<Record<string, number>>

const EXPECTED = join(import.meta.dir, 'expected.json')

export async function countBerth(directory: string): Promise<Counts> {
  const fileCalls = await countFileCalls('berth-1', directory)
  const statements = await countStatements(directory, { notifications: eventSettings() })
  return { ...flattened('files', fileCalls), ...flattened('metadata', statements) }
}

/** Berth syncs more where the sync of a file does not keep its name: each kind of file system has its figures. */
type Expected = Readonly<Record<'syncsNames' | 'others', Counts>>

export async function expectedCounts(directory: string): Promise<Counts> {
  return (await readExpected())[await kindOf(directory)]
}

export async function writeExpected(counts: Counts, directory: string): Promise<void> {
  const expected = { ...(await readExpected()), [await kindOf(directory)]: counts }
  await Bun.write(EXPECTED, `${JSON.stringify(expected, null, 2)}\n`)
}

async function readExpected(): Promise<Expected> {
  return (await Bun.file(EXPECTED).json()) as Expected
}

async function kindOf(directory: string): Promise<keyof Expected> {
  return (await openDisk(directory)).syncsNames ? 'syncsNames' : 'others'
}

/** A sentence for each figure that has risen, or that nobody expects. */
export function risen(counts: Counts, expected: Counts): string[] {
  return Object.entries(counts).flatMap(([name, count]) => {
    const before = expected[name]
    if (before !== undefined && count <= before) return []
    return [`${name} is ${count}, expected ${before ?? 'not at all'}`]
  })
}

function flattened(part: string, byWork: ReadonlyMap<string, object>): Counts {
  const entries = [...byWork].flatMap(([work, counts]) =>
    Object.entries(counts).map(([figure, count]): [string, number] => [`${work}.${part}.${figure}`, Number(count)]),
  )
  return Object.fromEntries(entries)
}
