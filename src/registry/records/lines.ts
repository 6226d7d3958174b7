import { Rest } from '../rest.ts'

const LINE_END = 10
/** So much of a large file is made text in one turn. */
const BYTES_AT_ONCE = 64 * 1024

/** The lines of a file that are not empty, in turns. */
export async function linesIn(bytes: Buffer): Promise<readonly string[]> {
  const lines: string[] = []
  const rest = new Rest()
  for (let start = 0; start < bytes.length; ) {
    const end = endOfLine(bytes, Math.min(start + BYTES_AT_ONCE, bytes.length))
    lines.push(
      ...bytes
        .toString('utf8', start, end)
        .split('\n')
        .filter((line) => line !== ''),
    )
    start = end + 1
    await rest.after(BYTES_AT_ONCE)
  }
  return lines
}

/** Those with this text in them. The others are not made text: a file is large, and few of its lines are about one tag. */
export async function linesHolding(bytes: Buffer, text: string): Promise<readonly string[]> {
  const lines: string[] = []
  const rest = new Rest()
  for (let at = bytes.indexOf(text); at >= 0; ) {
    const start = bytes.lastIndexOf(LINE_END, at) + 1
    const end = endOfLine(bytes, at)
    lines.push(bytes.toString('utf8', start, end))
    at = bytes.indexOf(text, end)
    await rest.after(end - start)
  }
  return lines
}

function endOfLine(bytes: Buffer, from: number): number {
  const end = bytes.indexOf(LINE_END, from)
  return end < 0 ? bytes.length : end
}
