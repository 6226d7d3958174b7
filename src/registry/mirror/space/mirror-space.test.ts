import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { RecordedLog } from '../../../../test/support/recorded-log.ts'
import { TemporaryFolder } from '../../../../test/support/temporary-folder.ts'
import { beginFetch, endFetch, sumReserved } from '../../../metadata/mirroring/fetches.ts'
import { endLeaving } from '../../../metadata/mirroring/leaving.ts'
import type { Query } from '../../../metadata/query.ts'
import { type OpenedMetadata, openMetadata } from '../../../metadata/sqlite/open.ts'
import { digestOf } from '../../../oci/digest.ts'
import { parseRepositoryName } from '../../../oci/name.ts'
import { NO_EVENTS } from '../mirror-events.ts'
import type { Evicted } from './eviction.ts'
import { FOUND_AT_MOST, type Unused } from './least-used.ts'
import { MirrorSpace, type MirrorSpaceOptions } from './mirror-space.ts'
import { Patience } from './patience.ts'

const REPOSITORY = parseRepositoryName('hub/app')
const NONE = { images: 0, bytes: 0, later: 0 }
const OVER = 'a mirror holds more than its size, nothing more of it can go'
const IMAGE: Unused = {
  ...{ kind: 'image', repository: REPOSITORY, repositoryId: 1, usedMs: 0 },
  digest: digestOf('sha256', new Uint8Array()),
}

let folder: TemporaryFolder
let opened: OpenedMetadata
let log: RecordedLog
beforeEach(async () => {
  folder = new TemporaryFolder()
  const [path, runDirectory] = [folder.join('metadata.db'), folder.join('run')]
  opened = await openMetadata({ path, runDirectory, storeId: async () => 'store' })
  log = new RecordedLog()
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

/** One of 100 bytes in which nothing is, and of which nothing can go. */
function createSpace(options: Partial<MirrorSpaceOptions> = {}): MirrorSpace {
  return new MirrorSpace({
    metadata: opened.metadata,
    ...{ mirror: 'hub', countedAs: 'mirror:hub', processId: opened.processId, epoch: opened.epoch },
    limits: { sizeBytes: 100, unusedMs: undefined, isKept: () => false },
    leastUsed: { find: async () => [] },
    eviction: { take: async () => NONE },
    pulls: { write: async () => undefined },
    whether: { waits: async () => undefined, hasObstacle: async () => false },
    clock: { marginMs: 0 },
    events: NO_EVENTS,
    signal: new AbortController().signal,
    log,
    ...options,
  })
}

async function begin(content: string) {
  const fetch = { repository: REPOSITORY, digest: digestOf('sha256', new TextEncoder().encode(content)) }
  const { processId: process, epoch } = opened
  await opened.metadata.write((query) => beginFetch(query, { ...fetch, process, epoch, mirror: 'hub' }, undefined))
  return fetch
}

/** What it holds, as the triggers of quotas would count it. */
async function hold(query: Query, bytes: number): Promise<void> {
  await query.run("INSERT OR REPLACE INTO quota (name, used) VALUES ('mirror:hub', ?)", bytes)
}

async function takeAll(unused: Unused[]): Promise<Evicted> {
  if (unused.length === 0) return NONE
  unused.length = 0
  await opened.metadata.write((query) => hold(query, 0))
  return { images: 1, bytes: 100, later: 0 }
}

const messages = () => log.lines.map(({ message }) => message)
const reserved = async () => await sumReserved(opened.metadata.read, { mirror: 'hub', epoch: opened.epoch })

describe('the room of a mirror', () => {
  test('is given at once while there is some, and counts for whatever process', async () => {
    const [one, two] = [await begin('one'), await begin('two')]

    await createSpace().admit(one, 60)
    await createSpace().admit(two, 40)

    expect(await reserved()).toBe(100)
    expect(log.lines).toEqual([])
  })

  test('is waited for while other fetches have it', async () => {
    const [one, two] = [await begin('one'), await begin('two')]
    const space = createSpace()
    await space.admit(one, 80)
    let isAdmitted = false

    const waiting = space.admit(two, 50).then(() => {
      isAdmitted = true
    })
    await Bun.sleep(0)
    expect(isAdmitted).toBe(false)
    await opened.metadata.write((query) => endFetch(query, { ...one, process: opened.processId }))
    await waiting

    expect(await reserved()).toBe(50)
    expect(log.lines).toEqual([])
  })

  test('is taken nonetheless when it was waited for long enough', async () => {
    const [one, two] = [await begin('one'), await begin('two')]
    const space = createSpace({ createPatience: () => new Patience(50) })
    await space.admit(one, 80)

    await space.admit(two, 50)

    expect(await reserved()).toBe(130)
    expect(log.lines.map(({ message }) => message)).toEqual([OVER])
  })

  test('is waited for while bytes that have left the count are about to be gone', async () => {
    const one = await begin('one')
    await opened.metadata.write((query) => query.run("INSERT INTO leaving VALUES ('x', 'mirror:hub', 'p', ?, 80)", opened.epoch))
    const tried = Promise.withResolvers<void>()
    const hasObstacle = async () => {
      tried.resolve()
      return false
    }
    let isAdmitted = false

    const waiting = createSpace({ whether: { waits: async () => undefined, hasObstacle } })
      .admit(one, 50)
      .then(() => {
        isAdmitted = true
      })
    await Promise.race([tried.promise, waiting])
    expect(isAdmitted).toBe(false)
    await opened.metadata.write((query) => endLeaving(query, { id: 'x' }))
    await waiting

    expect(log.lines).toEqual([])
  })

  test('is made of what has come since nothing could go', async () => {
    const [one, two] = [await begin('one'), await begin('two')]
    let looks = 0
    const find = async () => {
      looks += 1
      if (looks > 1) return [IMAGE]
      // It comes while nothing of it can be seen.
      await opened.metadata.write(async (query) => {
        await endFetch(query, { ...one, process: opened.processId })
        await hold(query, 100)
      })
      return []
    }
    const space = createSpace({ leastUsed: { find }, eviction: { take: takeAll } })
    await space.admit(one, 100)

    await space.admit(two, 50)

    expect(looks).toBe(2)
    expect(messages()).not.toContain(OVER)
  })

  test('is waited for while what could go is in use for a moment', async () => {
    await opened.metadata.write((query) => hold(query, 100))
    let tries = 0
    const take = async (unused: Unused[]) => {
      tries += 1
      if (tries > 2) return await takeAll(unused)
      unused.length = 0
      return { ...NONE, later: 1 }
    }

    await createSpace({ leastUsed: { find: async () => [IMAGE] }, eviction: { take } }).admit(await begin('one'), 50)

    expect(tries).toBe(3)
    expect(messages()).not.toContain(OVER)
  })

  test('is waited for as long again after something has gone', async () => {
    await opened.metadata.write((query) => hold(query, 100))
    let [nowMs, held] = [0, 100]
    const take = async (unused: Unused[]) => {
      unused.length = 0
      // Each takes nearly all of the patience, and they take more than it together.
      nowMs += 90
      held -= 20
      await opened.metadata.write((query) => hold(query, held))
      return { images: 1, bytes: 20, later: 0 }
    }
    const createPatience = () => new Patience(100, () => nowMs)
    const find = async () => [IMAGE]

    await createSpace({ leastUsed: { find }, eviction: { take }, createPatience }).admit(await begin('one'), 60)

    expect(held).toBe(40)
    expect(messages()).not.toContain(OVER)
  })

  test('is made of what was used more recently where all that was found first is kept', async () => {
    await opened.metadata.write((query) => hold(query, 100))
    let looks = 0
    const find = async () => {
      looks += 1
      return looks === 1 ? Array.from({ length: FOUND_AT_MOST }, () => IMAGE) : [IMAGE]
    }
    const take = async (unused: Unused[]) => {
      if (looks > 1) return await takeAll(unused)
      unused.length = 0
      return NONE
    }

    await createSpace({ leastUsed: { find }, eviction: { take } }).admit(await begin('one'), 50)

    expect(looks).toBe(2)
    expect(messages()).not.toContain(OVER)
  })

  test('is waited for when a removal fails once', async () => {
    await opened.metadata.write((query) => hold(query, 100))
    let tries = 0
    const take = async (unused: Unused[]) => {
      tries += 1
      if (tries === 1) throw new Error('EIO')
      return await takeAll(unused)
    }

    await createSpace({ leastUsed: { find: async () => [IMAGE] }, eviction: { take } }).admit(await begin('one'), 50)

    expect(messages()).not.toContain(OVER)
  })

  const reasons: readonly (readonly [what: string, options: Partial<MirrorSpaceOptions>])[] = [
    ['nothing can go', {}],
    ['the storage has not been read', { whether: { waits: async () => 'scan', hasObstacle: async () => false } }],
    ['there is an obstacle', { whether: { waits: async () => undefined, hasObstacle: async () => true } }],
    ['a removal fails', { leastUsed: { find: async () => Promise.reject(new Error('EIO')) } }],
  ]

  test.each(reasons)('is no reason to refuse a pull where %s', async (_, options) => {
    const one = await begin('one')

    await createSpace(options).admit(one, 300)

    expect(await reserved()).toBe(300)
  })

  const unsure: readonly (readonly [what: string, whether: MirrorSpaceOptions['whether']])[] = [
    ['the storage has not been read', { waits: async () => 'scan', hasObstacle: async () => false }],
    ['something in the storage is not known', { waits: async () => undefined, hasObstacle: async () => true }],
  ]

  test.each(unsure)('is not made while %s', async (_, whether) => {
    const one = await begin('one')
    let looks = 0
    const find = async () => {
      looks += 1
      return []
    }
    const space = createSpace({ whether, leastUsed: { find }, limits: { sizeBytes: 100, unusedMs: 1, isKept: () => false } })

    await space.admit(one, 300)
    await space.tend()

    expect(looks).toBe(0)
  })

  test('is made for all fetches that wait, and a tenth more', async () => {
    const fetches = [await begin('one'), await begin('two'), await begin('three')]
    const [unused, asked]: [Unused[], number[]] = [[], []]
    const gate = Promise.withResolvers<void>()
    const space = createSpace({
      leastUsed: {
        find: async () => {
          await gate.promise
          return [IMAGE]
        },
      },
      eviction: {
        take: async (found, bytes) => {
          asked.push(bytes)
          unused.push(...found.splice(0))
          return NONE
        },
      },
      createPatience: () => new Patience(100),
    })
    const waiting = fetches.map((fetch) => space.admit(fetch, 110))
    await Bun.sleep(0)
    gate.resolve()
    await Promise.all(waiting)

    expect(asked[0]).toBe(330 - 90)
    expect(unused.length).toBeGreaterThan(0)
  })
})
