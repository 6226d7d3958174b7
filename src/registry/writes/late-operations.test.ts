import { afterEach, beforeEach, expect, spyOn, test } from 'bun:test'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { type Claim, insertClaims, listClaimOwners } from '../../metadata/claims.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { StillUnderWayError } from '../../storage/storage-errors.ts'
import { StorageView } from '../heal/storage-view.ts'
import { Operations } from './operations.ts'
import { Settlement } from './settlement.ts'

/** A storage that may still do what it was asked when its process is dead, or waits no longer. */

const EPOCH = 1
const claim: Claim = { name: { kind: 'tag', repository: parseRepositoryName('a'), tag: parseTag('v1') }, alone: true }

let berth: RestartableRegistry
let operations: Operations

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' }, { database: 'kept', maintenance: 'off' })
  const { metadata, storage } = berth
  const settlement = new Settlement({ metadata, view: new StorageView(storage, metadata.read), processId: 'mine', epoch: EPOCH })
  const liveness = { isAlive: async (id: string) => id === 'mine' }
  const late = { lateMs: 17_000, lateBytesMs: 2_000 }
  operations = new Operations({ metadata, settlement, liveness, processId: 'mine', epoch: EPOCH, ...late, log: berth.log })
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

function push({ plan = () => undefined, act = async () => undefined }: { plan?: () => void; act?: () => Promise<void> }) {
  return {
    name: 'push',
    actor: ownWork('test'),
    plan: async () => {
      plan()
      return { plan: undefined, claims: [claim] }
    },
    act,
    confirm: async () => 'confirmed',
  }
}

async function owners(): Promise<readonly string[]> {
  return (await listClaimOwners(berth.metadata.read)).map(({ process }) => process)
}

test('the name of a dead process is waited for until it can be taken, for longer than ten seconds', async () => {
  await berth.metadata.write((query) => insertClaims(query, [claim], { process: 'dead', operation: 'its operation' }, 1))
  const now = performance.now()
  const passed = [0, 0, 15_000, 15_000]
  const clock = spyOn(performance, 'now').mockImplementation(() => now + (passed[0] ?? 17_000))
  const plan = () => void passed.shift()

  const result = await operations.perform(push({ plan })).finally(() => clock.mockRestore())

  expect(result).toBe('confirmed')
  expect(await owners()).toEqual([])
})

test('the name of an operation that the storage may still do stays taken for as long as that', async () => {
  const act = async () => {
    throw new StillUnderWayError(900_000, { cause: undefined })
  }
  const beganAt = performance.now()
  await expect(operations.perform(push({ act }))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  const failedAt = performance.now()
  const clock = spyOn(performance, 'now').mockImplementation(() => beganAt + 899_000)

  await operations.sweep()
  const before = await owners()
  clock.mockImplementation(() => failedAt + 901_000)
  await operations.sweep()

  clock.mockRestore()
  expect(before).toEqual(['mine'])
  expect(await owners()).toEqual([])
})
