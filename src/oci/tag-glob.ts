import { fitsPart, type PartPattern } from './repository-glob.ts'

/** What a glob may be, to be read after the text. */
export const TAG_GLOB_RULE = "is no pattern for tags; write letters, digits, '_', '.', '-', and '*' for any letters"

/** Names of tags: `*` stands for any letters, also for none. */
export class TagGlob {
  readonly text: string
  readonly #pattern: PartPattern

  private constructor(text: string) {
    this.text = text
    this.#pattern = text.split(/\*+/)
  }

  /** Undefined for what can fit no tag. */
  static find(text: string): TagGlob | undefined {
    return /^[a-zA-Z0-9_*][a-zA-Z0-9._*-]{0,254}$/.test(text) ? new TagGlob(text) : undefined
  }

  fits(tag: string): boolean {
    return fitsPart(this.#pattern, tag)
  }

  toString(): string {
    return this.text
  }
}
