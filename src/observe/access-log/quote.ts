/** Anything that could end the quotes or the line, or that a terminal would act on. */
const UNSAFE = /["\\\p{C}\p{Zl}\p{Zp}]/u
const EVERY_UNSAFE = /["\\\p{C}\p{Zl}\p{Zp}]/gu

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** Text as it may stand between quotes in a log line, escaped as registry:2 does. */
export function quote(text: string): string {
  return UNSAFE.test(text) ? text.replace(EVERY_UNSAFE, escaped) : text
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const short = SHORT[character]
  if (short !== undefined) return short
  if (code < 0x20) return `\\x${hex(code, 2)}`
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
