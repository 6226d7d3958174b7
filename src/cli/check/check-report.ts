import type { CheckProgress, CheckResult, ReportedFinding } from '../../operating/checking.ts'
import { wordsOf } from './check-words.ts'

/** Tells a person, or a program, what a check finds. */
export interface CheckReport {
  readonly onFinding: (finding: ReportedFinding) => void
  readonly onProgress: (progress: CheckProgress) => void
  end(result: CheckResult): void
}

const TOLD_EVERY_MS = 10_000
const ON_A_TERMINAL_EVERY_MS = 200
const CLEAR_LINE = '\r\u001b[2K'

/** One object in each line of standard output. */
export function jsonReport(): CheckReport {
  const print = (event: object) => void process.stdout.write(`${JSON.stringify(event)}\n`)
  const isTime = every(TOLD_EVERY_MS)
  return {
    onFinding: (finding) => print({ event: 'finding', ...finding, ...wordsOf(finding) }),
    onProgress: (progress) => {
      if (isTime()) print({ event: 'progress', ...progress })
    },
    end: (result) => print({ event: 'end', ...result }),
  }
}

/** Findings and the result on standard output; how far it is on standard error. */
export function textReport(repairs: boolean): CheckReport {
  const isTerminal = process.stderr.isTTY === true
  const isTime = every(isTerminal ? ON_A_TERMINAL_EVERY_MS : TOLD_EVERY_MS)
  const clear = () => void (isTerminal && process.stderr.write(CLEAR_LINE))
  return {
    onFinding: (finding) => {
      clear()
      process.stdout.write(linesOf(finding).join(''))
    },
    onProgress: (progress) => {
      if (isTime()) process.stderr.write(`${isTerminal ? CLEAR_LINE : ''}${describeProgress(progress)}${isTerminal ? '' : '\n'}`)
    },
    end: (result) => {
      clear()
      process.stdout.write(`${describeEnd(result, repairs).join('\n')}\n`)
    },
  }
}

function linesOf(finding: ReportedFinding): readonly string[] {
  const { what, means, mends } = wordsOf(finding)
  const because = finding.because === undefined ? '' : ` (${finding.because})`
  return [`${OUTCOMES[finding.outcome]}${what}${because}\n`, `            ${means} `, `${mends}\n`]
}

const OUTCOMES: Readonly<Record<ReportedFinding['outcome'], string>> = {
  found: 'damage      ',
  mended: 'mended      ',
  quarantined: 'moved aside ',
  'not-mended': 'not mended  ',
}

function describeProgress({ phase, blobs, bytes, ofBlobs, ofBytes, repositories }: CheckProgress): string {
  if (phase === 'repositories') return `${repositories} repositories looked at`
  const percent = ofBytes === 0 ? 0 : Math.min(100, Math.floor((bytes / ofBytes) * 100))
  return `${blobs} of ${ofBlobs} blobs read, ${percent} % of their bytes`
}

function describeEnd({ blobs, bytes, repositories, findings, open, unneeded }: CheckResult, repairs: boolean): readonly string[] {
  const read = `Read ${blobs} blobs of ${bytes} bytes and looked at ${repositories} repositories.`
  const garbage =
    unneeded.links + unneeded.blobs === 0
      ? []
      : [`Nothing needs ${unneeded.links} links and ${unneeded.blobs} blobs, which is no damage: the collector takes them.`]
  return [read, ...garbage, verdict(findings, open, repairs)]
}

function verdict(findings: number, open: number, repairs: boolean): string {
  if (findings === 0) return 'All of it is as it should be.'
  if (open === 0) return repairs ? 'Nothing is damaged any more.' : 'Nothing is damaged.'
  const them = open === 1 ? 'is 1 damage' : `are ${open} damages`
  return repairs ? `There ${them} left, told above.` : `There ${them}; --repair mends what can be mended without loss.`
}

function every(intervalMs: number): () => boolean {
  let lastMs = Date.now()
  return () => {
    const now = Date.now()
    if (now - lastMs < intervalMs) return false
    lastMs = now
    return true
  }
}
