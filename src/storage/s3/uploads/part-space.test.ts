import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { TemporaryFolder } from '../../../../test/support/temporary-folder.ts'
import { PartSpace } from './part-space.ts'

const MIB = 1024 * 1024
let folder: TemporaryFolder
let space: PartSpace

beforeEach(() => {
  folder = new TemporaryFolder()
  space = new PartSpace({ directory: folder.join('parts'), memoryLimit: 10 * MIB })
})
afterEach(() => folder[Symbol.dispose]())

function filesOnDisk(): number {
  return existsSync(folder.join('parts')) ? readdirSync(folder.join('parts')).length : 0
}

function bytes(length: number, seed: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => (index * 7 + seed) % 251)
}

async function contentOf(body: Uint8Array | Blob): Promise<Uint8Array> {
  return body instanceof Uint8Array ? body.slice() : await body.bytes()
}

test('a part is what was appended, as often as it is asked for', async () => {
  const part = space.open(5 * MIB)
  const pieces = [bytes(100, 1), bytes(300_000, 2), bytes(1, 3), bytes(2 * MIB, 4)]

  for (const piece of pieces) await part.append(piece)

  const expected = Buffer.concat(pieces)
  for (let time = 0; time < 2; time += 1) expect(Buffer.compare(await contentOf(part.body()), expected)).toBe(0)
  expect(part.length).toBe(expected.length)
  await part.dispose()
})

test('what finds no memory goes on in files, whole, and nobody waits', async () => {
  const parts = Array.from({ length: 5 }, () => space.open(5 * MIB))

  for (let chunk = 0; chunk < 80; chunk += 1) {
    for (const [index, part] of parts.entries()) await part.append(bytes(64 * 1024, index + chunk))
  }

  expect(filesOnDisk()).toBeGreaterThan(0)
  for (const [index, part] of parts.entries()) {
    const expected = Buffer.concat(Array.from({ length: 80 }, (_, chunk) => bytes(64 * 1024, index + chunk)))
    expect(Buffer.compare(await contentOf(part.body()), expected)).toBe(0)
  }
  for (const part of parts) await part.dispose()
  expect(filesOnDisk()).toBe(0)
})

test('memory that was given back is used again before anything goes to a file', async () => {
  for (let round = 0; round < 20; round += 1) {
    const part = space.open(5 * MIB)
    await part.append(bytes(5 * MIB, round))
    await part.dispose()
  }

  expect(filesOnDisk()).toBe(0)
})

test('an empty part has an empty body', async () => {
  expect(await contentOf(space.open(5 * MIB).body())).toEqual(new Uint8Array())
})
