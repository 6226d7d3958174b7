import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { LifeLocks } from './life-lock.ts'

const HOLDER = join(import.meta.dir, '../../../test/support/life-lock-holder.ts')
const TIMEOUT_MS = 90_000

let folder: TemporaryFolder
let locks: LifeLocks
let holders: AsyncDisposable[]

beforeEach(async () => {
  folder = new TemporaryFolder()
  locks = await LifeLocks.open(folder.join('run'))
  holders = []
})
afterEach(async () => {
  for (const holder of holders) await holder[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** Another process that holds a lock from the moment this resolves until it is killed. */
async function startHolder(kind: 'life' | 'start', id: string) {
  const program = Bun.spawn([process.execPath, HOLDER, folder.join('run'), kind, id], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    timeout: TIMEOUT_MS,
  })
  const kill = async () => {
    program.kill('SIGKILL')
    await program.exited
  }
  holders.push({ [Symbol.asyncDispose]: kill })
  const { value } = await program.stdout.getReader().read()
  if (new TextDecoder().decode(value) !== 'held\n') throw new Error('the holder did not take the lock')
  return { kill }
}

describe('the lock of a living process', () => {
  test(
    'is held until the process is killed, however suddenly',
    async () => {
      const holder = await startHolder('life', 'other')
      expect(await locks.isAlive('other')).toBe(true)
      expect(await locks.living()).toEqual([{ id: 'other', database: 'database of other', path: 'somewhere' }])

      await holder.kill()

      expect(await locks.isAlive('other')).toBe(false)
      expect(await locks.living()).toEqual([])
      expect(await readdir(folder.join('run'))).toEqual([])
    },
    TIMEOUT_MS,
  )

  test(
    'is not disturbed by those who look',
    async () => {
      await startHolder('life', 'other')

      for (let look = 0; look < 20; look += 1) {
        expect(await locks.isAlive('other')).toBe(true)
        await locks.living()
      }
      const third = await LifeLocks.open(folder.join('run'))
      expect(await third.isAlive('other')).toBe(true)
    },
    TIMEOUT_MS,
  )

  test('of our own is known without a look, and ends when we let go', async () => {
    locks.hold('mine', { database: 'ours', path: 'somewhere' })
    expect(await locks.isAlive('mine')).toBe(true)
    expect(await locks.living()).toEqual([{ id: 'mine', database: 'ours', path: 'somewhere' }])

    const others = await LifeLocks.open(folder.join('run'))
    expect(await others.isAlive('mine')).toBe(true)

    locks.release('mine')
    expect(await locks.isAlive('mine')).toBe(false)
    expect(await others.isAlive('mine')).toBe(false)
  })

  test('is held until it is let go of, also when nothing refers to it any more', async () => {
    const holdAndForget = async () => {
      const forgotten = await LifeLocks.open(folder.join('run'))
      forgotten.hold('mine', { database: 'ours', path: 'somewhere' })
    }
    await holdAndForget()
    for (let turn = 0; turn < 3; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      Bun.gc(true)
    }

    expect(await locks.isAlive('mine')).toBe(true)
  })

  test('of one that never was, or was let go of, is not held', async () => {
    expect(await locks.isAlive('nobody')).toBe(false)
    locks.release('nobody')
    expect(await locks.living()).toEqual([])
  })
})

describe('the start lock', () => {
  test(
    'lets one process start at a time, and is free again when that one is killed',
    async () => {
      const holder = await startHolder('start', '')
      let isStarted = false
      const started = locks.whileStarting(async () => {
        isStarted = true
      })
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      expect(isStarted).toBe(false)

      await holder.kill()
      await started

      expect(isStarted).toBe(true)
    },
    TIMEOUT_MS,
  )

  test('is let go of when the start fails', async () => {
    const failing = locks.whileStarting(async () => await Promise.reject(new Error('no start')))
    await expect(failing).rejects.toThrow('no start')

    expect(await locks.whileStarting(async () => 'started')).toBe('started')
  })

  test('is nobody’s life', async () => {
    const seen = await locks.whileStarting(async () => await locks.living())

    expect(seen).toEqual([])
  })

  test('lets those who wait start one after the other', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => LifeLocks.open(folder.join('run'))))
    let running = 0
    let most = 0

    await Promise.all(
      others.map((other) =>
        other.whileStarting(async () => {
          running += 1
          most = Math.max(most, running)
          await new Promise((resolve) => setImmediate(resolve))
          running -= 1
        }),
      ),
    )

    expect(most).toBe(1)
  })
})
