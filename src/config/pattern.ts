/** What Go's expressions have and ours would read as something else: classes like [[:alpha:]], quoting with \Q, ungreedy (?U). */
const FOREIGN = /\[\[:\^?\w+:\]|\\Q|\(\?[a-z]*U/
/** Flags for the whole expression: (?i), (?s), (?m) and their combinations. */
const LEADING_FLAGS = /^\(\?([ims]+)\)/
/** Marks with a backslash that need none; Go allows it, the strict reading here does not. */
const NEEDLESS_ESCAPE = /\\([^\w\s^$\\.*+?()[\]{}|/-])/g

/** A regular expression that means what registry:2 reads in the text; undefined when it has no such meaning here. */
export function findPattern(text: string): RegExp | undefined {
  if (FOREIGN.test(text)) return undefined
  const flags = LEADING_FLAGS.exec(text)?.[1] ?? ''
  const body = text
    .replace(LEADING_FLAGS, '')
    .replaceAll('(?P<', '(?<')
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$')
    .replace(NEEDLESS_ESCAPE, '$1')
  try {
    return new RegExp(body, `u${[...new Set(flags)].join('')}`)
  } catch {
    return undefined
  }
}
