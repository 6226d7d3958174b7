import type { ImportedTag, ImportReport, TagOutcome } from '../../images/import/import-run.ts'
import { readableBytes } from '../../runtime/readable-bytes.ts'

/** A blob of so much has a line of its own. */
const LARGE_BYTES = 100_000_000
/** More of them are counted, and not named again at the end. */
const MOST_NAMED = 200

const WORDS: Readonly<Record<TagOutcome, string>> = {
  brought: 'brought',
  there: 'is here already',
  other: 'is here with another image, and stays',
  failed: 'failed',
}

/** What an import does, on standard error as it goes, and at its end on standard output. */
export class ImportProgress implements ImportReport {
  readonly #isDry: boolean
  readonly #isJson: boolean
  readonly #startedMs = performance.now()
  readonly #counts: Record<TagOutcome, number> = { brought: 0, there: 0, other: 0, failed: 0 }
  readonly #repositories = new Set<string>()
  readonly #failures: { readonly name: string; readonly reason: string }[] = []
  readonly #others: string[] = []
  #bytes = 0

  constructor({ isDry, isJson }: { readonly isDry: boolean; readonly isJson: boolean }) {
    this.#isDry = isDry
    this.#isJson = isJson
  }

  /** Everything that was meant is here. */
  get isComplete(): boolean {
    return this.#failures.length === 0 && this.#others.length === 0
  }

  onTag({ repository, tag, outcome, digest, reason }: ImportedTag): void {
    const name = `${repository}:${tag}`
    this.#repositories.add(repository)
    this.#counts[outcome] += 1
    if (outcome === 'failed') this.#failures.push({ name, reason: reason ?? '' })
    if (outcome === 'other') this.#others.push(name)
    const word = this.#isDry && outcome === 'brought' ? 'would be brought' : WORDS[outcome]
    tell(`${name}${digest === undefined ? '' : `@${digest}`} ${word}${reason === undefined ? '' : `: ${reason}`}`)
  }

  onSent(repository: string, { digest, size }: { readonly digest: string; readonly size: number }): void {
    this.#bytes += size
    if (size >= LARGE_BYTES) tell(`${repository}: ${digest.slice(0, 19)} ${readableBytes(size)} sent`)
  }

  onRepository(repository: string, reason: string): void {
    this.#failures.push({ name: repository, reason })
    tell(`${repository} failed: ${reason}`)
  }

  onWait(why: string, ms: number): void {
    tell(`waits ${Math.ceil(ms / 1000)} s: ${why}`)
  }

  /** `failure`: why it ended early. */
  end(failure: string | undefined): void {
    const text = this.#isJson ? JSON.stringify(this.#object(failure)) : this.#lines(failure).join('\n')
    process.stdout.write(`${text}\n`)
  }

  #object(failure: string | undefined) {
    return {
      dryRun: this.#isDry,
      repositories: this.#repositories.size,
      tags: this.#counts,
      bytesSent: this.#bytes,
      failures: this.#failures,
      stays: this.#others,
      ...(failure === undefined ? {} : { endedEarly: failure }),
    }
  }

  #lines(failure: string | undefined): readonly string[] {
    const { brought, there, other, failed } = this.#counts
    const seconds = Math.max(1, Math.round((performance.now() - this.#startedMs) / 1000))
    const sent = this.#isDry ? '' : `, ${readableBytes(this.#bytes)} sent in ${seconds} s`
    const tags = `${brought} ${this.#isDry ? 'tags would be brought' : 'tags brought'}, ${there} here already, ${other} with another image, ${failed} failed`
    return [
      `${this.#repositories.size} repositories: ${tags}${sent}`,
      ...named(
        'failed:',
        this.#failures.map(({ name, reason }) => `${name}: ${reason}`),
      ),
      ...named('here with another image (--overwrite moves them):', this.#others),
      ...(failure === undefined ? [] : [`ended early: ${failure}`]),
    ]
  }
}

function named(title: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return []
  const more = lines.length - MOST_NAMED
  return [title, ...lines.slice(0, MOST_NAMED).map((line) => `  ${line}`), ...(more > 0 ? [`  and ${more} more`] : [])]
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}
