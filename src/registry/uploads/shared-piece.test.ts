import { expect, test } from 'bun:test'
import { setImmediate } from 'node:timers/promises'
import { giveBack, giveBackAsSent, SharedPiece, streamOfPieces } from './shared-piece.ts'

const BYTES = 1_000

function pieceOf(memory = new Uint8Array(BYTES)) {
  return { memory, piece: new SharedPiece(Promise.resolve(memory)) }
}

test('memory goes back when the last answer that took it gives it back, and no sooner', async () => {
  const { memory, piece } = pieceOf()
  const taken = await Promise.all([piece.take(), piece.take()])
  await piece.leave()

  giveBack(taken[0])
  await setImmediate()
  expect(memory.length).toBe(BYTES)
  giveBack(taken[1])
  await setImmediate()
  expect(memory.length).toBe(0)
})

test('memory stays as long as another answer may take it', async () => {
  const { memory, piece } = pieceOf()
  giveBack(await piece.take())
  await setImmediate()

  expect((await piece.take()).length).toBe(BYTES)
  await piece.leave()
  expect(memory.length).toBe(BYTES)
})

test('an answer that has asked for a piece before its memory could go has it', async () => {
  const reading = Promise.withResolvers<Uint8Array>()
  const piece = new SharedPiece(reading.promise)
  const taking = piece.take()
  const leaving = piece.leave()
  reading.resolve(new Uint8Array(BYTES))

  await leaving
  expect((await taking).length).toBe(BYTES)
})

test('a part of a chunk gives nothing back, and what has gone back does not go again', async () => {
  const { memory, piece } = pieceOf()
  const bytes = await piece.take()
  await piece.leave()

  giveBack(bytes.subarray(1))
  await setImmediate()
  expect(memory.length).toBe(BYTES)
  for (let times = 0; times < 3; times += 1) giveBack(bytes, { fromBytes: 0 })
  await setImmediate()
  expect(memory.length).toBe(0)
})

test('who cannot have a piece is told so, and who made it leaves it without harm', async () => {
  const piece = new SharedPiece(Promise.reject(new Error('no such file')))

  await expect(piece.take()).rejects.toThrow('no such file')
  await piece.leave()
  await piece.leave()
})

test.each([
  [BYTES, 0],
  [BYTES + 1, BYTES],
])('a chunk that is not shared goes back from %p bytes on: %p are left', (fromBytes, left) => {
  const chunk = new Uint8Array(BYTES)
  giveBack(chunk, { fromBytes })
  expect(chunk.length).toBe(left)
})

async function* taken(pieces: readonly SharedPiece[]) {
  for (const piece of pieces) {
    const bytes = await piece.take()
    await piece.leave()
    yield bytes
  }
}

test.each([
  [true, [0, 0, 0, BYTES]],
  [false, [BYTES, BYTES, BYTES, BYTES]],
])('a stream whose reader sends in order (%p) gives back all but the last', async (isInOrder, left) => {
  const made = Array.from({ length: 4 }, () => pieceOf())
  const stream = streamOfPieces(taken(made.map(({ piece }) => piece)))
  if (isInOrder) giveBackAsSent(stream)

  const lengths: number[] = []
  for await (const { length } of stream) lengths.push(length)

  expect(lengths).toEqual([BYTES, BYTES, BYTES, BYTES])
  expect(made.map(({ memory }) => memory.length)).toEqual(left)
})
