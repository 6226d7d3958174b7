import { inspect } from 'node:util'

const STARS = '****'

/** A text with stars in the place of a name and password in a URL. */
export function withoutPassword(text: string): string {
  return text.replace(/(:\/\/)[^/?#\s]*@/g, `$1${STARS}@`)
}

/** A value that must not reach a log, an error or a printed config: however it is turned into text, stars come out. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value itself; call it where it is used, and nowhere else. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return STARS
  }

  toJSON(): string {
    return STARS
  }

  [inspect.custom](): string {
    return STARS
  }
}
