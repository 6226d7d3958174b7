import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { EventPositions } from './event-positions.ts'

const positions = new EventPositions('00112233445566778899aabbccddeeff')

test('a position is read by the database that wrote it, and says nothing of the number', () => {
  for (const number of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const texts = [positions.textOf(number), positions.textOf(number)]

    expect(texts.map((text) => positions.numberOf(text))).toEqual([number, number])
    expect(texts[0]).toMatch(/^[\w-]{22}$/)
    expect(texts[0]).not.toBe(texts[1])
  }
})

test('what is none is unknown: texts of clients, and positions of another database', () => {
  const other = new EventPositions(randomBytes(16).toString('hex'))

  const texts = ['', '1', 'A'.repeat(22), 'A'.repeat(23), `${'A'.repeat(21)}=`, 'é'.repeat(22), other.textOf(1)]

  expect(texts.filter((text) => positions.numberOf(text) !== undefined)).toEqual([])
})
