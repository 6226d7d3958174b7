/**
 * Names of repositories: `*` stands for letters within one part of a name, `**` for one or more whole parts. `team/*` fits `team/app`
 * but not `team/app/web`, `team/**` fits both and not `team`, `**` fits every name.
 */
export class RepositoryGlob {
  readonly text: string
  readonly #pattern: RegExp

  private constructor(text: string) {
    this.text = text
    this.#pattern = new RegExp(`^${text.split('/').map(patternOf).join('/')}$`)
  }

  /** Undefined for what can fit no repository name. */
  static find(text: string): RepositoryGlob | undefined {
    return text.length <= MAX_LENGTH && GLOB.test(text) ? new RepositoryGlob(text) : undefined
  }

  fits(repository: string): boolean {
    return this.#pattern.test(repository)
  }

  toString(): string {
    return this.text
  }
}

const MAX_LENGTH = 255
const PART = '[a-z0-9*][a-z0-9._*-]*'
const GLOB = new RegExp(`^${PART}(?:/${PART})*$`)

/** What a glob may be, to be read after the text. */
export const GLOB_RULE =
  "is not a pattern for repository names; write parts of lower-case letters, digits, '.', '_', '-' and '*' between '/', and '**' for any parts"

/** Stars that follow each other inside of a part are one: two would only make matching slow. */
function patternOf(part: string): string {
  if (part === '**') return '[^/]+(?:/[^/]+)*'
  return part
    .split(/\*+/)
    .map((text) => text.replaceAll('.', '\\.'))
    .join('[^/]*')
}
