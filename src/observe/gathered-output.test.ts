import { expect, test } from 'bun:test'
import { GatheredOutput } from './gathered-output.ts'
import type { LogOutput } from './log.ts'

test('lines leave together soon after the first of them', async () => {
  const written = new Written()
  const output = new GatheredOutput(written, 100)

  output.write('one\n')
  output.write('two\n')

  expect(written.pieces).toEqual([])
  expect(await written.next()).toBe('one\ntwo\n')
  output.write('three\n')
  expect(await written.next()).toBe('three\n')
})

test('what leaves together is no longer than one write may be, and no line is cut', async () => {
  const written = new Written()
  const output = new GatheredOutput(written, 10)

  for (const line of ['12345\n', '789\n', 'next\n', 'longer than one write may be\n', 'last\n']) output.write(line)

  expect(written.pieces).toEqual(['12345\n789\n', 'next\n', 'longer than one write may be\n'])
  await output.end()
  expect(written.pieces.at(-1)).toBe('last\n')
})

test('a write has so many bytes, not characters', async () => {
  const written = new Written()
  const output = new GatheredOutput(written, 10)

  for (const line of ['größe\n', 'ß\n', 'é€é€\n', 'end\n']) output.write(line)
  await output.end()

  expect(written.pieces).toEqual(['größe\n', 'ß\n', 'é€é€\n', 'end\n'])
})

test('the end hands on what waits before it ends what comes after', async () => {
  const written = new Written()
  const output = new GatheredOutput(written, 100)

  output.write('waiting\n')
  await output.end()

  expect(written.pieces).toEqual(['waiting\n'])
  expect(written.endedAfter).toBe(1)
})

class Written implements LogOutput {
  readonly pieces: string[] = []
  endedAfter = 0
  #next = Promise.withResolvers<string>()

  write(piece: string): void {
    this.pieces.push(piece)
    this.#next.resolve(piece)
  }

  async next(): Promise<string> {
    const piece = await this.#next.promise
    this.#next = Promise.withResolvers()
    return piece
  }

  async end(): Promise<void> {
    this.endedAfter = this.pieces.length
  }
}
