import { expect, test } from 'bun:test'
import { inPieces } from './pieces.ts'

test.each([
  [[], []],
  [[''], []],
  [['a'], ['a']],
  [['abc'], ['abc']],
  [
    ['a', 'bcdefg', '', 'h'],
    ['abc', 'def', 'gh'],
  ],
  [['abcdef'], ['abc', 'def']],
])('the chunks %p are the pieces %p', async (chunks, pieces) => {
  const found: string[] = []

  for await (const piece of inPieces(given(chunks), 3)) found.push(new TextDecoder().decode(piece))

  expect(found).toEqual(pieces)
})

async function* given(chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield new TextEncoder().encode(chunk)
}
