import { expect, test } from 'bun:test'
import { columnsOf, filesOf } from './file-columns.ts'
import type { LayerFile } from './layer-file.ts'
import { LayerTable, readPiece } from './layer-table.ts'

const PLAIN: LayerFile = {
  ...{ path: 'etc/motd', kind: 'file', size: 5, mode: 0o644, userId: 0, groupId: 0, target: '', place: 0 },
  ...{ found: undefined, fingerprint: 1 },
}
const PACKAGE = {
  type: 'npm',
  name: 'a',
  version: '1',
  architecture: undefined,
  source: undefined,
  path: 'a/package.json',
} as const

test('files come out of their columns as they went in', () => {
  const files: readonly LayerFile[] = [
    { ...PLAIN, path: '', kind: 'directory', size: 0, mode: 0o7777, fingerprint: undefined },
    { ...PLAIN, path: 'a/😀"\n', place: 3, size: 2 ** 50, userId: 2 ** 40, groupId: 7, fingerprint: 0xffff_ffff },
    // Only half of its letter is as in the one before.
    { ...PLAIN, path: 'a/😁', place: 4, kind: 'symbolic link', size: 0, target: '../ï', fingerprint: undefined },
    { ...PLAIN, path: 'a', place: 9, size: 0, fingerprint: undefined },
    { ...PLAIN, path: 'a/package.json', place: 299_999, found: { packages: [PACKAGE] }, fingerprint: 0x0102_0304 },
    {
      ...PLAIN,
      path: 'b',
      place: 300_000,
      found: { packages: [{ ...PACKAGE, source: 's', architecture: 'x' }] },
      fingerprint: undefined,
    },
    { ...PLAIN, path: 'c', place: 300_001, found: { distribution: { id: 'x', version: '1', name: 'X' } } },
  ]

  expect(filesOf(JSON.parse(JSON.stringify(columnsOf(files))))).toEqual(files)
})

test('a table of contents takes twelve bytes for each file of packages, of which four are its fingerprint', async () => {
  let bytes = 0
  let files = 0
  const table = new LayerTable(async (piece) => {
    bytes += piece.bytes.length
    files += readPiece(piece.bytes).files.length
  })
  for (let number = 0; number < 10_000; number += 1) {
    const [inPackage, hash] = [Math.floor(number / 25), Bun.hash.xxHash32(`${number}`)]
    const path = `srv/node_modules/package-${inPackage}/dist/${['cjs', 'esm', 'types'][number % 3]}/part-${number % 25}.js`
    await table.addFile({ ...PLAIN, path, place: number, size: hash % 20_000, fingerprint: hash })
  }
  await table.end()

  expect(files).toBe(10_000)
  expect(table.names().length / files).toBeLessThan(1.1)
  expect((bytes + table.names().length) / files).toBeLessThan(12)
})
