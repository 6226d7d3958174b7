import { describe, expect, test } from 'bun:test'
import { DiskSpace } from './disk-space.ts'

const MIB = 1024 * 1024

/** A disk of 1 GiB, whose reserve is 16 MiB. */
function openSpace(freeBytes: number) {
  const disk = { freeBytes, totalBytes: 1024 * MIB }
  return { disk, space: new DiskSpace(async () => disk) }
}

const FULL = expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringContaining('full') })

describe('the space of a disk', () => {
  test('is given until the reserve is reached', async () => {
    const { space } = openSpace(20 * MIB)

    await space.take(4 * MIB)

    expect(await space.take(1).catch((error: unknown) => error)).toEqual(FULL)
    space.give(4 * MIB)
    await space.take(1)
  })

  test('is not given twice to writers that ask at once', async () => {
    const { space } = openSpace(20 * MIB)

    const asked = await Promise.allSettled(Array.from({ length: 10 }, () => space.take(MIB)))

    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(4)
    expect(await space.now()).toEqual({ freeBytes: 16 * MIB, reserveBytes: 16 * MIB })
  })

  test('that a writer was granted counts until it is written, and comes back with its end', async () => {
    const { disk, space } = openSpace(20 * MIB)
    const allowance = space.allowance()

    await allowance.ask(100)
    expect((await space.now()).freeBytes).toBe(19 * MIB)
    allowance.written(100)
    disk.freeBytes -= 100
    expect((await space.now()).freeBytes).toBe(19 * MIB)
    allowance.end()

    expect((await space.now()).freeBytes).toBe(20 * MIB - 100)
  })
})
