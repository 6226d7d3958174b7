/** Lines one after another: a list of all of them takes many times the memory of their text. */
export function* linesOf(text: string): Generator<string> {
  let start = 0
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
    yield text.slice(start, end)
    start = end + 1
  }
  yield text.slice(start)
}

/** Beyond it nothing of a line is told. */
const MOST_LINE_BYTES = 4_096
const [NEW_LINE, SPACE, TAB, RETURN] = [0x0a, 0x20, 0x09, 0x0d]

/** Where the line of a text ends that starts there. */
export function endOfLine(text: Buffer, start: number): number {
  if (text[start] === NEW_LINE) return start
  const end = text.indexOf(NEW_LINE, start)
  return end === -1 ? text.length : end
}

/** A line, or the beginning of a long one. */
export function beginOf(text: Buffer, start: number, end: number): string {
  return text.toString('utf8', start, Math.min(end, start + MOST_LINE_BYTES))
}

/** Whether these bytes lie there. */
export function isAt(text: Buffer, start: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += 1) if (text[start + at] !== bytes[at]) return false
  return true
}

export function isBlank(text: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = text[at]
    if (byte !== SPACE && byte !== TAB && byte !== RETURN) return false
  }
  return true
}
