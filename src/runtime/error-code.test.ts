import { expect, test } from 'bun:test'
import { stat } from 'node:fs/promises'
import { hasCode, undefinedIfMissing } from './error-code.ts'

test('a file that is not there is undefined, and any other failure stays one', async () => {
  expect(await stat(`${import.meta.dir}/missing`).catch(undefinedIfMissing)).toBeUndefined()
  await expect(stat(`${import.meta.path}/below-a-file`).catch(undefinedIfMissing)).rejects.toThrow('ENOTDIR')
})

test('what is no error of the system has no code', () => {
  expect([new Error('x'), 'ENOENT', undefined, { code: 'ENOENT' }].map((error) => hasCode(error, 'ENOENT'))).toEqual(
    Array(4).fill(false),
  )
})
