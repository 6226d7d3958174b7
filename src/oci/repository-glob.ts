/**
 * Names of repositories: `*` stands for letters within one part of a name, `**` for one or more whole parts. `team/*` fits `team/app`
 * but not `team/app/web`, `team/**` fits both and not `team`, `**` fits every name.
 *
 * Matching never goes back: what stands between two stars is taken where it first occurs, because a later place leaves less for the
 * rest. An expression of the runtime would try every place, for minutes with six stars.
 */
export class RepositoryGlob {
  readonly text: string
  /** The parts between `**` and `**`. */
  readonly #runs: readonly (readonly PartPattern[])[]

  private constructor(text: string) {
    this.text = text
    this.#runs = runsOf(text.split('/'))
  }

  /** Undefined for what can fit no repository name. */
  static find(text: string): RepositoryGlob | undefined {
    return text.length <= MAX_LENGTH && isGlob(text) ? new RepositoryGlob(text) : undefined
  }

  fits(repository: string): boolean {
    const parts = repository.split('/')
    const [first = [], ...others] = this.#runs
    const last = others.pop()
    if (last === undefined) return parts.length === first.length && fitAt(first, parts, 0)
    const end = parts.length - last.length
    if (end < first.length || !fitAt(first, parts, 0) || !fitAt(last, parts, end)) return false
    let position = first.length
    for (const run of others) {
      const found = findRun(run, parts, position + 1)
      if (found === undefined) return false
      position = found + run.length
    }
    return position < end
  }

  toString(): string {
    return this.text
  }
}

const MAX_LENGTH = 255
const PART = /^[a-z0-9*][a-z0-9._*-]*$/

/** What a glob may be, to be read after the text. */
export const GLOB_RULE =
  "is not a pattern for repository names; write parts of lower-case letters, digits, '.', '_', '-' and '*' between '/', and '**' for any parts"

function isGlob(text: string): boolean {
  return text.split('/').every((part) => PART.test(part))
}

/** The texts between the stars of one part; one text where there is no star. */
export type PartPattern = readonly string[]

function runsOf(parts: readonly string[]): readonly (readonly PartPattern[])[] {
  const runs: PartPattern[][] = [[]]
  for (const part of parts) {
    if (part === '**') runs.push([])
    else runs.at(-1)?.push(part.split(/\*+/))
  }
  return runs
}

/** Where the run first fits from `from` on. */
function findRun(run: readonly PartPattern[], parts: readonly string[], from: number): number | undefined {
  for (let start = from; start + run.length <= parts.length; start += 1) if (fitAt(run, parts, start)) return start
  return undefined
}

function fitAt(run: readonly PartPattern[], parts: readonly string[], start: number): boolean {
  return run.every((pattern, index) => fitsPart(pattern, parts[start + index] ?? ''))
}

/** Whether the texts between its stars stand in the part one after another. */
export function fitsPart([first = '', ...others]: PartPattern, part: string): boolean {
  const last = others.pop()
  if (last === undefined) return part === first
  if (part.length < first.length + last.length || !part.startsWith(first) || !part.endsWith(last)) return false
  let position = first.length
  for (const text of others) {
    const found = part.indexOf(text, position)
    if (found < 0) return false
    position = found + text.length
  }
  return position <= part.length - last.length
}
