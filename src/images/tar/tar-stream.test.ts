import { expect, test } from 'bun:test'
import { madeTar, typed } from '../../../test/support/made-tar.ts'
import { tarHeader } from './tar-header.ts'
import { TarStream } from './tar-stream.ts'

const COMMON = { kind: 'file', target: '', mode: 0o644, userId: 0, groupId: 0, modifiedSeconds: 0 } as const

async function* inOne(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function read(bytes: Uint8Array): Promise<{ readonly paths: readonly string[]; readonly promises: number }> {
  const archive = new TarStream(inOne(bytes), 'the archive')
  const paths: string[] = []
  let promises = 0
  for (;;) {
    const next = archive.next()
    if (next instanceof Promise) promises += 1
    const entry = await next
    if (entry === undefined) break
    paths.push(entry.path)
  }
  await archive.end()
  return { paths, promises }
}

test('entries of an archive that is here are read without a promise for each, also past the bytes of files', async () => {
  const paths = Array.from({ length: 1_000 }, (_, number) => `folder/${number}`)

  const told = await read(madeTar(paths.map((path, number) => ({ path, bytes: 'x'.repeat(number % 3) }))))

  expect(told.paths).toEqual(paths)
  // The first one waits for the archive.
  expect(told.promises).toBe(1)
})

test('what goes before an entry is about the next one alone, however much of it there is', async () => {
  const long = `${'a'.repeat(150)}/b`
  // The pax header alone, of two blocks.
  const pax = tarHeader({ ...COMMON, path: long, sizeBytes: 0 }).subarray(0, 1024)
  const forAll = typed(tarHeader({ ...COMMON, path: 'all', sizeBytes: 0 }), 'g')
  // What is said of the next entry, and then of all: as Go's reader has it, that was the next one.
  const beforeForAll = Buffer.concat([pax, forAll])
  const manyPax = Buffer.concat(Array.from({ length: 20_000 }, () => pax))

  const told = await read(
    Buffer.concat([manyPax, tarHeader({ ...COMMON, path: 'a', sizeBytes: 0 }), forAll, beforeForAll, madeTar([{ path: 'c' }])]),
  )

  expect(told.paths).toEqual([long, 'c'])
})
