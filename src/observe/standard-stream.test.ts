import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { FullPipe, PIPE_BYTES } from '../../test/support/full-pipe.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { fileOutput } from './standard-stream.ts'

/** More than a pipe holds. */
const MANY_LINES = 10_000

test('what was written to a file is there when the output has ended', async () => {
  using folder = new TemporaryFolder()
  const output = fileOutput(folder.join('log'))

  for (const line of ['one\n', 'two\n', 'three\n']) output.write(line)
  await output.end()

  expect(readFileSync(folder.join('log'), 'utf8')).toBe('one\ntwo\nthree\n')
})

test('the end waits for the write that is under way', async () => {
  using pipe = new FullPipe()
  const output = fileOutput(pipe.path)
  output.write('last words\n')
  let hasEnded = false

  const end = output.end().then(() => {
    hasEnded = true
  })
  await Bun.sleep(0)
  expect(hasEnded).toBe(false)
  expect(pipe.read()).toBe(' '.repeat(PIPE_BYTES))
  await end

  expect(pipe.read()).toBe('last words\n')
})

test('a reader that does not read is waited for no longer than a second; the next line is not written, and no error', async () => {
  using pipe = new FullPipe()
  const output = fileOutput(pipe.path)
  for (let number = 0; number < MANY_LINES; number += 1) output.write(`line ${number}\n`)

  const start = performance.now()
  await output.end()
  expect(performance.now() - start).toBeWithin(900, 20_000)
  output.write('too late\n')

  pipe.read()
  expect(pipe.read()).toStartWith('line 0\n')
})
