import type { RE2JS } from 're2js'

/** A regular expression of Go, as registry:2 reads it (RE2): it looks at each letter of a text a bounded number of times. */
export class Pattern {
  /** As it was written. */
  readonly source: string
  readonly #expression: RE2JS

  private constructor(source: string, expression: RE2JS) {
    this.source = source
    this.#expression = expression
  }

  /** Undefined for what Go cannot read either. */
  static find(source: string): Pattern | undefined {
    const { RE2JS, RE2JSException } = loadEngine()
    try {
      return new Pattern(source, RE2JS.compile(source))
    } catch (error) {
      if (error instanceof RE2JSException) return undefined
      throw error
    }
  }

  /** Whether it fits any part of the text. */
  test(text: string): boolean {
    return this.#expression.test(text)
  }
}

/** Only where a configuration has a pattern, for the engine takes 5 MB; `import()` would make every reader of a configuration wait. */
function loadEngine(): typeof import('re2js') {
  return require('re2js')
}
