import { afterEach, beforeEach, expect, spyOn, test } from 'bun:test'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { type Claim, type ClaimOwner, insertClaims } from '../../metadata/claims.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { StorageView } from '../heal/storage-view.ts'
import { Operations } from './operations.ts'
import { Settlement } from './settlement.ts'

/** What the log says of operations that do not end as they should. */

const EPOCH = 1
const ALICE = { name: 'alice', address: '192.0.2.7', requestId: 'request of alice' }
const ALICE_FIELDS = { user: 'alice', client: '192.0.2.7', requestId: 'request of alice' }
const SETTLED = { level: 'info', message: 'an operation that did not end is settled' } as const
const claim: Claim = { name: { kind: 'tag', repository: parseRepositoryName('a'), tag: parseTag('v1') }, alone: true }

let berth: RestartableRegistry
let operations: Operations
let alive: Set<string>

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' }, { database: 'kept', maintenance: 'off' })
  const { metadata, storage, log } = berth
  const settlement = new Settlement({ metadata, view: new StorageView(storage, metadata.read), processId: 'mine', epoch: EPOCH })
  alive = new Set(['mine'])
  const liveness = { isAlive: async (id: string) => alive.has(id) }
  const late = { lateMs: 0, lateBytesMs: 0 }
  operations = new Operations({ metadata, settlement, liveness, processId: 'mine', epoch: EPOCH, ...late, log })
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

function pushOfAlice({ plan = () => undefined, act = async () => undefined }: { plan?: () => void; act?: () => Promise<void> }) {
  return {
    name: 'tag push',
    actor: ALICE,
    plan: async () => {
      plan()
      return { plan: undefined, claims: [claim] }
    },
    act,
    confirm: async () => 'confirmed',
  }
}

async function claimAs(process: string, from: Pick<ClaimOwner, 'action' | 'actor'>): Promise<void> {
  const owner = { process, operation: `operation of ${process}`, ...from }
  await berth.metadata.write((query) => insertClaims(query, [claim], owner, 1))
}

/** The lines about operations, without their random names. */
function told() {
  return berth.log.lines.flatMap(({ level, message, fields: { operation: _, ...fields } }) =>
    message.includes('operation') ? [{ level, message, fields }] : [],
  )
}

test('one that ended well has no line', async () => {
  await operations.perform(pushOfAlice({}))

  expect(told()).toEqual([])
})

test('one that failed and cannot be settled has a line with the reason, and another one when it is', async () => {
  const look = spyOn(berth.storage, 'readSmall').mockRejectedValue(new Error('EIO'))
  const act = async () => {
    throw new Error('the first failure')
  }
  await expect(operations.perform(pushOfAlice({ act }))).rejects.toThrow('the first failure')
  look.mockRestore()
  await operations.sweep()

  const fields = { process: 'mine', action: 'tag push', ...ALICE_FIELDS }
  const message = 'a failed operation is not settled, it is tried again'
  expect(told()).toEqual([
    { level: 'warn', message, fields: { ...fields, error: new Error('EIO') } },
    { ...SETTLED, fields },
  ])
})

test('one of a dead process is settled by another process, which tells whose request it was', async () => {
  await claimAs('dead', { action: 'manifest push', actor: ALICE })

  await operations.sweep()

  expect(told()).toEqual([{ ...SETTLED, fields: { process: 'dead', action: 'manifest push', ...ALICE_FIELDS } }])
})

test('one of a version that did not record its actor is settled with a line that names none', async () => {
  await claimAs('dead', {})

  await operations.sweep()

  expect(told()).toEqual([{ ...SETTLED, fields: { process: 'dead', action: undefined } }])
})

test('one for which a request waited in vain is told by its own actor, with the request that waited', async () => {
  alive.add('other')
  await claimAs('other', { action: 'manifest delete', actor: ownWork('retention') })
  const now = performance.now()
  const clock = spyOn(performance, 'now').mockImplementation(() => now)
  const plan = () => clock.mockImplementation(() => now + 11_000)

  const pushed = operations.perform(pushOfAlice({ plan })).finally(() => clock.mockRestore())

  await expect(pushed).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  const message = 'an operation is not finished, a request waited for it in vain'
  const fields = { process: 'other', action: 'manifest delete', work: 'retention', waiting: ALICE_FIELDS }
  expect(told()).toEqual([{ level: 'warn', message, fields }])
})
