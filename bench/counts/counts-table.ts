import { eventSettings } from '../../test/support/notification-settings.ts'
import { countFileCalls } from './count-file-calls.ts'
import { countStatements } from './count-statements.ts'
import { FILE_CALLS, type FileCounts } from './trace.ts'
import { WORK } from './work.ts'

/** What Berth, with one process, and docker-registry ask of the disk for the same work, and Berth of its metadata. Markdown. */
export async function countsTable(directory: string): Promise<string> {
  const berth = await countFileCalls('berth-1', directory)
  const peer = await countFileCalls('peer', directory)
  const statements = await countStatements(directory, { notifications: eventSettings() })
  const head = [
    'Work',
    'fsyncs',
    'peer',
    'file calls',
    'peer',
    'KB read',
    'peer',
    'KB written',
    'peer',
    'statements',
    'transactions',
  ]
  const lines = WORK.map(({ name, title }) => {
    const [own, its] = [berth.get(name), peer.get(name)]
    const { reads = 0, statements: inTransactions = 0, transactions = 0 } = statements.get(name) ?? {}
    const files = own === undefined || its === undefined ? [] : FILE_FIGURES.flatMap((figure) => [figure(own), figure(its)])
    return [title, ...files, reads + inTransactions, transactions]
  })
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const FILE_FIGURES: readonly ((counts: FileCounts) => number)[] = [
  (counts) => counts.fsync,
  (counts) => FILE_CALLS.filter((name) => !name.startsWith('bytes')).reduce((sum, name) => sum + counts[name], 0),
  (counts) => kilobytes(counts.bytesRead),
  (counts) => kilobytes(counts.bytesWritten),
]

function kilobytes(bytes: number): number {
  return Math.round(bytes / 100) / 10
}
