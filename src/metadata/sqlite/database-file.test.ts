import { expect, test } from 'bun:test'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { ForeignDatabaseError, prepareFile } from './database-file.ts'

test('a folder is not taken for a database, and stays', async () => {
  using folder = new TemporaryFolder()
  const path = folder.join('metadata.db')
  await mkdir(path)

  expect(() => prepareFile({ path, isOwnPlace: true }, 'store')).toThrow(
    `${path} is a folder; set metadata.path to a file in it, as in ${path}/metadata.db.`,
  )
  expect(await readdir(folder.path)).toEqual(['metadata.db'])
  expect(await readdir(path)).toEqual([])
})

test('a file that is no database stays where the operator named it, and is set aside where only Berth has files', async () => {
  using folder = new TemporaryFolder()
  const path = folder.join('metadata.db')
  await writeFile(path, 'notes of the operator')

  expect(() => prepareFile({ path, isOwnPlace: false }, 'store')).toThrow(ForeignDatabaseError)
  expect(await Bun.file(path).text()).toBe('notes of the operator')
  expect(await readdir(folder.path)).toEqual(['metadata.db'])

  expect(prepareFile({ path, isOwnPlace: true }, 'store').setAside).toContain('does not open')
  expect(await readdir(folder.path)).toContainEqual(expect.stringContaining('set-aside'))
})

test('a file with nothing in it becomes the database', async () => {
  using folder = new TemporaryFolder()
  const path = folder.join('metadata.db')
  await writeFile(path, '')

  expect(prepareFile({ path, isOwnPlace: false }, 'store')).toEqual({ setAside: undefined, migratedFrom: undefined })
  expect(prepareFile({ path, isOwnPlace: false }, 'store')).toEqual({ setAside: undefined, migratedFrom: undefined })
  expect(await readdir(folder.path)).not.toContainEqual(expect.stringContaining('set-aside'))
})
