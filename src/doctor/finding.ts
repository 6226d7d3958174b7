/** What was looked at, and what came of it. */
export interface Finding {
  readonly looked: string
  readonly outcome: 'good' | 'bad' | 'odd'
  /** What was seen, in a sentence without a full stop. */
  readonly seen: string
  /** What is wrong and what to do about it; for what is not good. */
  readonly advice?: string
}

/** An examination that cannot go on. The findings before it and this one are all there is. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
  readonly finding: Finding

  constructor(finding: Finding, options?: ErrorOptions) {
    super(finding.seen, options)
    this.finding = finding
  }
}
