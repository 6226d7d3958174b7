import type { CopyProblem, CopyProgress } from '../../storage-copy/copy-progress.ts'

/** Tells a person, or a program, how a copy goes on. */
export interface CopyReport {
  progress(): void
  problem(problem: CopyProblem, sentence: string): void
  end(): void
}

const QUIET_MS = 10_000
const CLEAR_LINE = '\r\u001b[2K'

/** One object in each line of standard output. */
export function jsonReport(progress: CopyProgress): CopyReport {
  const print = (event: object) => void process.stdout.write(`${JSON.stringify(event)}\n`)
  return {
    progress: () => print({ event: 'progress', ...progress }),
    problem: (problem, sentence) => print({ event: 'problem', ...problem, message: sentence }),
    end: () => print({ event: 'end', ...progress }),
  }
}

/** A line that changes on a terminal, else a line every ten seconds; the result on standard output. */
export function textReport(progress: CopyProgress): CopyReport {
  const isTerminal = process.stderr.isTTY === true
  let last = { atMs: Date.now(), bytes: 0 }
  const rate = () => {
    const now = { atMs: Date.now(), bytes: progress.bytesCopied }
    const perSecond = ((now.bytes - last.bytes) * 1000) / Math.max(1, now.atMs - last.atMs)
    last = now
    return `${describeBytes(perSecond)}/s`
  }
  return {
    progress: () => {
      if (!isTerminal && Date.now() - last.atMs < QUIET_MS) return
      process.stderr.write(
        isTerminal ? `${CLEAR_LINE}${describeProgress(progress)}, ${rate()}` : `${describeProgress(progress)}, ${rate()}\n`,
      )
    },
    problem: (_, sentence) => void process.stderr.write(`${isTerminal ? CLEAR_LINE : ''}berth: ${sentence}\n`),
    end: () => {
      if (isTerminal) process.stderr.write(CLEAR_LINE)
      process.stdout.write(`${describeEnd(progress)}\n`)
    },
  }
}

function describeProgress({ phase, part, ...numbers }: CopyProgress): string {
  const percent = `${Math.floor(part * 100)} %`
  switch (phase) {
    case 'opening':
      return 'looking whether anybody serves the target'
    case 'blobs':
      return `blobs ${percent}: ${numbers.blobsCopied} copied (${describeBytes(numbers.bytesCopied)}), ${numbers.blobsPresent} there`
    case 'repositories':
    case 'done':
      return `repositories ${percent}: ${numbers.linksCopied} links and ${numbers.tagsCopied} tags copied`
  }
}

function describeEnd(progress: CopyProgress): string {
  const { blobsCopied, bytesCopied, linksCopied, tagsCopied, recordsCopied, recordsRemoved, repositories, problems } = progress
  const records = recordsCopied > 0 ? `, ${recordsCopied} records of Berth's own` : ''
  const copied = `Copied ${blobsCopied} blobs (${describeBytes(bytesCopied)}), ${linksCopied} links and ${tagsCopied} tags${records}.`
  const there = `There already: ${progress.blobsPresent} blobs, ${progress.linksPresent} links, ${progress.tagsPresent} tags.`
  const dangling =
    progress.dangling > 0 ? `Left out: ${progress.dangling} links and tags that name nothing in the source.` : undefined
  const revoked = recordsRemoved > 0 ? `Removed: ${recordsRemoved} accounts that the source does not have any more.` : undefined
  const whole = repositories === 1 ? '1 repository is whole.' : `${repositories} repositories are whole.`
  const verdict = problems > 0 ? `${problems} problems are named above.` : whole
  return [copied, there, dangling, revoked, verdict].filter((sentence) => sentence !== undefined).join('\n')
}

function describeBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  return `${power === 0 ? Math.round(bytes) : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`
}
