import { expect, test } from 'bun:test'
import { linesHolding, linesIn } from './lines.ts'

const file = (...lines: readonly string[]) => Buffer.from(lines.join('\n'))

test('a file has its lines, whether the last one ends or not', async () => {
  expect(await linesIn(file('one', '', 'zwei', ''))).toEqual(['one', 'zwei'])
  expect(await linesIn(file('one', 'zwei'))).toEqual(['one', 'zwei'])
  expect(await linesIn(file(''))).toEqual([])
})

test('lines at the seams of the pieces in which a large file is read stay whole', async () => {
  const lines = Array.from({ length: 30_000 }, (_, number) => `line ${number} ü`)

  expect(await linesIn(file(...lines))).toEqual(lines)
})

test('lines that hold a text are found once each, at the beginning, in the middle and at the end', async () => {
  const lines = ['v1 first', 'none', 'v1 twice v1', 'zwei v1', 'v', 'last v1']

  expect(await linesHolding(file(...lines), 'v1')).toEqual(['v1 first', 'v1 twice v1', 'zwei v1', 'last v1'])
  expect(await linesHolding(file(...lines, ''), 'last')).toEqual(['last v1'])
  expect(await linesHolding(file(...lines), 'nowhere')).toEqual([])
  expect(await linesHolding(file(''), 'v1')).toEqual([])
})
