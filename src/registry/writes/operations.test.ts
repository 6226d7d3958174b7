import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { placementOf } from '../../../test/support/storage-driver-contract.ts'
import { ensureRepository } from '../../metadata/changes.ts'
import { type Claim, deleteClaims, insertClaims, listClaimOwners } from '../../metadata/claims.ts'
import { findRepository, findTag } from '../../metadata/content.ts'
import { setTag } from '../../metadata/history/tag-changes.ts'
import { ownWork } from '../../observe/actor.ts'
import { digestOf } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { layout } from '../../storage/layout.ts'
import { StorageView } from '../heal/storage-view.ts'
import { Operations } from './operations.ts'
import { Settlement } from './settlement.ts'

const EPOCH = 1
const repository = parseRepositoryName('a')
const tag = parseTag('v1')
const digest = digestOf('sha256', new Uint8Array())
const claim: Claim = { name: { kind: 'tag', repository, tag }, alone: true }

let berth: RestartableRegistry
let alive: Set<string>
let operations: Operations

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' }, { database: 'kept', maintenance: 'off' })
  alive = new Set(['mine'])
  operations = operationsOf('mine')
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

function operationsOf(processId: string, lateMs = 0): Operations {
  const { metadata } = berth
  const view = new StorageView(berth.storage, metadata.read)
  const settlement = new Settlement({ metadata, view, processId, epoch: EPOCH })
  const liveness = { isAlive: async (id: string) => alive.has(id) }
  return new Operations({ metadata, settlement, liveness, processId, epoch: EPOCH, lateMs, lateBytesMs: lateMs, log: berth.log })
}

/** A tag that moves to `digest`, in the storage and then in the metadata; a test may replace a step. */
function tagPush(steps: { act?: () => Promise<void>; plan?: () => void } = {}) {
  return {
    name: 'tag push',
    actor: ownWork('test'),
    plan: async (query: Parameters<typeof ensureRepository>[0]) => {
      steps.plan?.()
      return { plan: await ensureRepository(query, repository, EPOCH), claims: [claim] }
    },
    act: async () => await (steps.act ?? placeTag)(),
    confirm: async (query: Parameters<typeof setTag>[0], id: number, stamp: Parameters<typeof setTag>[4]) => {
      await setTag(query, id, tag, digest, stamp)
      return 'confirmed'
    },
  }
}

async function placeTag(): Promise<void> {
  await berth.storage.place([placementOf(layout.tag(repository, tag), { 'current/link': digest })])
}

/** What the metadata says of the tag. */
async function row() {
  const found = await findRepository(berth.metadata.read, repository)
  return found === undefined ? undefined : (await findTag(berth.metadata.read, found.id, tag))?.digest
}

async function claimAs(process: string, operation = `operation of ${process}`): Promise<void> {
  await berth.metadata.write((query) => insertClaims(query, [claim], { process, operation }, 1))
}

async function owners(): Promise<readonly string[]> {
  return (await listClaimOwners(berth.metadata.read)).map(({ process }) => process)
}

describe('an operation', () => {
  test('claims, acts and confirms: while it acts everybody sees whose the name is', async () => {
    let seen: readonly string[] = []

    const result = await operations.perform(
      tagPush({
        act: async () => {
          seen = await owners()
          expect(await row()).toBeUndefined()
          await placeTag()
        },
      }),
    )

    expect(result).toBe('confirmed')
    expect(seen).toEqual(['mine'])
    expect(await owners()).toEqual([])
    expect(await row()).toBe(digest)
  })

  test('that may not be done leaves no trace', async () => {
    const refuse = () => {
      throw new RegistryError('MANIFEST_UNKNOWN')
    }

    await expect(operations.perform(tagPush({ plan: refuse }))).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' })

    expect(await owners()).toEqual([])
    expect(await findRepository(berth.metadata.read, repository)).toBeUndefined()
  })

  test.each([
    ['before', undefined],
    ['after', digest],
  ])('whose act fails %s its change leaves rows that say what the storage is', async (when, expected) => {
    const act = async () => {
      if (when === 'after') await placeTag()
      throw new Error('EIO')
    }

    await expect(operations.perform(tagPush({ act }))).rejects.toThrow('EIO')

    expect(await owners()).toEqual([])
    expect((await row()) ?? undefined).toBe(expected)
  })

  test('that fails on a storage that cannot even be looked at keeps its claims until that is possible', async () => {
    const look = spyOn(berth.storage, 'readSmall').mockRejectedValue(new Error('EIO'))
    const act = async () => {
      await placeTag()
      throw new Error('the first failure')
    }
    await expect(operations.perform(tagPush({ act }))).rejects.toThrow('the first failure')
    expect(await owners()).toEqual(['mine'])
    await expect(operations.sweep()).rejects.toThrow('EIO')

    look.mockRestore()
    await operations.sweep()

    expect(await owners()).toEqual([])
    expect(await row()).toBe(digest)
  })

  test('starts over when somebody took its claims for those of a dead process', async () => {
    let acts = 0
    const act = async () => {
      acts += 1
      await placeTag()
      if (acts > 1) return
      await berth.metadata.write(async (query) => {
        for (const { operation } of await listClaimOwners(query)) await deleteClaims(query, operation)
      })
    }

    expect(await operations.perform(tagPush({ act }))).toBe('confirmed')

    expect(acts).toBe(2)
    expect(await row()).toBe(digest)
  })

  test('is waited for by those who stop the registry', async () => {
    const gate = Promise.withResolvers<void>()
    const performed = operations.perform(tagPush({ act: () => gate.promise }))
    let isFinished = false
    const finished = operations.finish().then(() => {
      isFinished = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isFinished).toBe(false)

    gate.resolve()
    await Promise.all([performed, finished])
    expect(isFinished).toBe(true)
  })
})

describe('a name that another operation has', () => {
  test('is waited for: the second acts when the first has ended', async () => {
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const acting = Promise.withResolvers<void>()
    const first = operations.perform(
      tagPush({
        act: async () => {
          acting.resolve()
          await gate.promise
          order.push('first')
        },
      }),
    )
    await acting.promise
    const tried = Promise.withResolvers<void>()
    const second = operations.perform(tagPush({ plan: () => tried.resolve(), act: async () => void order.push('second') }))
    await tried.promise

    gate.resolve()
    await Promise.all([first, second])

    expect(order).toEqual(['first', 'second'])
  })

  test('of a dead process is set right and taken at once', async () => {
    await claimAs('dead')

    expect(await operations.perform(tagPush())).toBe('confirmed')

    expect(await owners()).toEqual([])
  })

  test('for more than ten seconds is UNAVAILABLE, and stays its owner’s', async () => {
    alive.add('other')
    await claimAs('other')
    const now = performance.now()
    const clock = spyOn(performance, 'now').mockImplementation(() => now)
    const plan = () => clock.mockImplementation(() => now + 11_000)

    const waiting = operations.perform(tagPush({ plan }))

    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 1 })
    clock.mockRestore()
    expect(await owners()).toEqual(['other'])
  })
})

describe('the sweep', () => {
  test('settles what the dead have left, and nothing of the living', async () => {
    alive.add('other')
    await placeTag()
    await claimAs('dead')
    await berth.metadata.write((query) => ensureRepository(query, repository, EPOCH))

    await operations.sweep()
    expect(await owners()).toEqual([])
    expect(await row()).toBe(digest)

    await claimAs('other')
    await operations.sweep()
    expect(await owners()).toEqual(['other'])
  })

  test('leaves an operation of its own process that is still under way', async () => {
    const acting = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const performed = operations.perform(
      tagPush({
        act: async () => {
          acting.resolve()
          await gate.promise
        },
      }),
    )
    await acting.promise

    await operations.sweep()
    expect(await owners()).toEqual(['mine'])

    gate.resolve()
    expect(await performed).toBe('confirmed')
  })

  test('leaves a name to another living claim on it', async () => {
    alive.add('other')
    await placeTag()
    const shared: Claim = { name: claim.name, alone: false }
    await berth.metadata.write(async (query) => {
      await insertClaims(query, [shared], { process: 'dead', operation: 'left' }, 1)
      await insertClaims(query, [shared], { process: 'other', operation: 'going on' }, 1)
    })

    await operations.sweep()

    expect(await owners()).toEqual(['other'])
    expect(await row()).toBeUndefined()
  })

  test('leaves what the dead have sent to a remote storage time to arrive', async () => {
    const remote = operationsOf('mine', 300)
    await claimAs('dead')
    await remote.sweep()
    expect(await owners()).toEqual(['dead'])

    await placeTag()
    await remote.settleIn(repository)

    expect(await owners()).toEqual([])
    expect(await row()).toBe(digest)
  })
})
