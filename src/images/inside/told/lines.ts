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

/** As `linesOf`, of bytes: a text of all of them would take as much again, or twice. Of a long line the beginning. */
export function* linesIn(bytes: Uint8Array): Generator<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let start = 0; start <= buffer.length; ) {
    const found = buffer.indexOf(NEW_LINE, start)
    const end = found === -1 ? buffer.length : found
    yield buffer.toString('utf8', start, Math.min(end, start + MOST_LINE_BYTES))
    start = end + 1
  }
}

const NEW_LINE = 0x0a
