import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdir, readdir, rm, stat, symlink } from 'node:fs/promises'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { probeRoot } from './probe.ts'

let folder: TemporaryFolder

beforeEach(() => {
  folder = new TemporaryFolder()
})
afterEach(() => {
  folder[Symbol.dispose]()
})

describe('a root directory', () => {
  test('is made with what a registry needs, and nothing of the probe stays', async () => {
    const root = folder.join('new/data')

    await probeRoot(root)
    await probeRoot(root)

    expect((await readdir(root)).sort()).toEqual(['berth', 'docker'])
    expect(await readdir(`${root}/berth/staging`)).toEqual([])
    expect((await readdir(`${root}/docker/registry`)).sort()).toEqual(['v2'])
    expect((await readdir(`${root}/docker/registry/v2`)).sort()).toEqual(['blobs', 'repositories'])
  })

  test('that is a file is refused in a sentence that names it', async () => {
    const root = await folder.file('data', 'not a directory')

    await expect(probeRoot(root)).rejects.toMatchObject({ name: 'UnusableRootError', message: expect.stringContaining(root) })
  })

  test('in a place that cannot be written is refused in a sentence that names it', async () => {
    const root = '/proc/berth'

    await expect(probeRoot(root)).rejects.toMatchObject({
      name: 'UnusableRootError',
      message: expect.stringMatching(
        /^The data directory \/proc\/berth cannot be written .*; make it writable or choose another one\.$/,
      ),
    })
  })

  const elsewhere = '/dev/shm'
  test('whose two trees are on different file systems is refused', async () => {
    const other = `${elsewhere}/berth-probe-${crypto.randomUUID()}`
    await mkdir(other)
    try {
      const isOther = (await stat(other)).dev !== (await stat(folder.path)).dev
      await symlink(other, folder.join('docker'))

      const probed = probeRoot(folder.path)

      if (isOther) await expect(probed).rejects.toMatchObject({ message: expect.stringContaining('different file systems') })
      else await probed
      expect(await readdir(folder.join('berth/staging'))).toEqual([])
    } finally {
      await rm(other, { recursive: true })
    }
  })
})
