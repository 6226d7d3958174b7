import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { listClaimOwners } from '../../src/metadata/claims.ts'
import { ownWork } from '../../src/observe/actor.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { Undeletion } from '../../src/registry/deleting/undeletion.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess, metadataPath } from '../support/berth-in-process.ts'
import { DAY_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { type Image, makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { ruleOf } from '../support/retention-rule.ts'
import { SteppedWork } from '../support/stepped-work.ts'
import { movesOf } from '../support/tag-past.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const app = parseRepositoryName('app')
const signal = new AbortController().signal
const [one, two] = ['one', 'two'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]
const [first, second] = [one.manifest.digest, two.manifest.digest]
const BEFORE = [`${first} manifest push`, `${second} manifest push`]
const RETENTION = { ...NO_POLICY, dryRun: false, rules: [ruleOf('**', 'v*', { pushedMs: 7 * DAY_MS })] }

interface Work {
  readonly before?: (berth: BerthInProcess) => Promise<unknown>
  /** What the tag points to after that, and the moves that it has then in addition. */
  readonly led?: { readonly to: string; readonly by: string }
  readonly run: (berth: BerthInProcess) => Promise<unknown>
  /** What the tag points to when it is done, or 'nothing', and the move that it then has in addition. */
  readonly leads: { readonly to: string; readonly by: string } | undefined
  /** It is cut after every so many changes; left out, after each. */
  readonly step?: number
}

const deletesTag = async ({ client }: BerthInProcess) => await expectStatus(await client.deleteManifest('app', 'v1'), 202)
const flush = async ({ registry }: BerthInProcess) => await registry.history.flush(signal)

const WORKS: Readonly<Record<string, Work>> = {
  'a push': {
    run: async ({ client }) => await expectStatus(await client.putManifest('app', 'v1', one.manifest), 201),
    leads: { to: first, by: 'manifest push' },
  },
  'a tag delete': {
    run: deletesTag,
    leads: { to: 'nothing', by: 'tag delete' },
  },
  'a rule': {
    before: async (berth) => {
      await pushImage(berth.client, one, 'latest')
      await berth.scan()
      await passTime(berth, 8 * DAY_MS)
    },
    run: async ({ registry }) => await registry.retention.duty?.run(signal),
    leads: { to: 'nothing', by: 'tag delete' },
  },
  'an undelete': {
    before: deletesTag,
    led: { to: 'nothing', by: 'tag delete' },
    run: async ({ registry }) => {
      const [onRestored, onGone, onUnreadable] = [() => undefined, () => undefined, () => undefined]
      const { records, restoration } = registry
      const undeletion = new Undeletion({
        records,
        restoration,
        actor: ownWork('test'),
        signal,
        onRestored,
        onGone,
        onUnreadable,
      })
      await undeletion.bringBack({ kind: 'repository', repository: app })
    },
    leads: { to: second, by: 'undelete' },
    step: 5,
  },
  'a manifest delete': {
    run: async ({ client }) => await expectStatus(await client.deleteManifest('app', second), 202),
    leads: { to: 'nothing', by: 'manifest delete' },
  },
  'a restore': {
    run: async ({ registry }) => {
      const restore = { digest: parseDigest(first), tags: [parseTag('v1')], actor: ownWork('test'), overwrites: true }
      await registry.restoration.restore(app, { ...restore, how: 'tag restore' }, { needsTag: true })
    },
    leads: { to: first, by: 'tag restore' },
    // The steps are those of a push.
    step: 7,
  },
  'taking moves to the storage': { run: flush, leads: undefined },
  'putting files together': {
    run: async (berth) => {
      await flush(berth)
      await berth.registry.history.tidy([Date.now()], signal)
    },
    leads: undefined,
  },
}

/** Does a work up to a change of the disk, and kills its process there. False when it had come to its end. */
async function cutAfter(changes: number, root: string, { before, run, leads }: Work): Promise<boolean> {
  const stepped = new SteppedWork()
  const berth = await BerthInProcess.start(root, { hook: stepped.hook, collector: TEST_POLICY, retention: RETENTION })
  await pushImage(berth.client, one, 'v1')
  await flush(berth)
  await pushImage(berth.client, two, 'v1')
  await before?.(berth)
  if (leads !== undefined) await flush(berth)
  stepped.begin()
  stepped.limitChanges(changes)
  const isDone = await Promise.race([stepped.stopped().then(() => false), run(berth).then(() => true)])
  await berth.kill()
  return !isDone
}

async function pointsTo({ client }: BerthInProcess): Promise<string> {
  const response = await client.getManifest('app', 'v1')
  return response.headers.get('docker-content-digest') ?? 'nothing'
}

/** What the history has to be where the tag points there: the move of the work once if it did move the tag, and else not. */
function expected(now: string, { led, leads }: Work, isDatabaseGone: boolean): readonly string[] {
  const before = led === undefined ? BEFORE : [...BEFORE, moveOf(led.to, led.by)]
  if (leads === undefined || now === (led?.to ?? second)) return before
  return [...before, moveOf(leads.to, isDatabaseGone && leads.to !== 'nothing' ? 'not recorded' : leads.by)]
}

function moveOf(to: string, how: string): string {
  return `${to === 'nothing' ? 'deleted' : to} ${how}`
}

describe.each(['kept', 'gone'])('with the database %s after that', (database) => {
  test.each(Object.entries(WORKS).filter(([, { leads }]) => database === 'kept' || leads !== undefined))(
    '%s that is cut after any change of the disk is in the history of its tag once, or has not moved it',
    async (_, work) => {
      let cuts = 0
      for (let isCut = true; isCut; cuts += work.step ?? 1) {
        const root = folder.join(`cut-${cuts}`)
        isCut = await cutAfter(cuts, root, work)
        if (database === 'gone') for (const end of ['', '-wal', '-shm']) rmSync(metadataPath(root) + end, { force: true })
        await using berth = await BerthInProcess.start(root)
        await berth.registry.operations.sweep()
        await berth.scan()
        const now = await pointsTo(berth)

        const [waiting, written] = [await movesOf(berth, 'app', 'v1'), await flush(berth).then(() => movesOf(berth, 'app', 'v1'))]

        expect({ cuts, moves: waiting }).toEqual({ cuts, moves: expected(now, work, database === 'gone') })
        expect(written).toEqual(waiting)
        if (!isCut) expect(now).toBe(work.leads?.to ?? second)
        expect(await listClaimOwners(berth.opened.metadata.read)).toEqual([])
      }
      expect(cuts).toBeGreaterThan(3)
    },
    TEST_MS,
  )
})

let folder: TemporaryFolder

beforeEach(() => {
  folder = new TemporaryFolder({ inMemory: true })
})
afterEach(() => folder[Symbol.dispose]())
