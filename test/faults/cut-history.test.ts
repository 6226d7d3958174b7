import { describe, expect, test } from 'bun:test'
import { listClaimOwners } from '../../src/metadata/claims.ts'
import { ownWork } from '../../src/observe/actor.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { Undeletion } from '../../src/registry/deleting/undeletion.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { DAY_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { cutAt } from '../support/cut-work.ts'
import { someOf, triesAll } from '../support/effort.ts'
import { type Image, makeImage } from '../support/images.ts'
import { describeOnRoots } from '../support/on-roots.ts'
import { expectStatus } from '../support/registry-client.ts'
import { ruleOf } from '../support/retention-rule.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { userAccess } from '../support/table-access.ts'
import { pastIn } from '../support/tag-past.ts'
import { loseDatabase } from '../support/test-root.ts'

const TEST_MS = 240_000
const random = new SeededRandom(seedFor('cuts of the history'))
const app = parseRepositoryName('app')
const signal = new AbortController().signal
const [one, two] = ['one', 'two'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]
const [first, second] = [one.manifest.digest, two.manifest.digest]
const RETENTION = { ...NO_POLICY, dryRun: false, rules: [ruleOf('**', 'v*', { pushedMs: 7 * DAY_MS })] }
const OPTIONS = { collector: TEST_POLICY, retention: RETENTION, access: userAccess('alice') }
/** A store tells the time of an object to the second. */
const TOLD_TO_MS = 1_000

/** A move of the tag, in words: `<digest> by <what> of <name>`, or `deleted …`. */
interface Told {
  readonly move: string
  readonly atMs: number
}

/** Where the tag points after a work, or 'nothing', what moved it there, and on whose behalf. */
interface Moved {
  readonly to: string
  readonly how: string
  readonly by: string
}

const PUSHED: readonly Moved[] = [first, second].map((to) => ({ to, how: 'manifest push', by: 'alice' }))

interface Work {
  readonly before?: (berth: BerthInProcess) => Promise<unknown>
  /** What that moved; left out, nothing. */
  readonly led?: Moved
  readonly run: (berth: BerthInProcess) => Promise<unknown>
  /** Left out, it moves nothing. */
  readonly leads?: Moved
  /** It is cut after every so many changes; left out, after each. */
  readonly step?: number
}

const deletesTag = async ({ client }: BerthInProcess) => await expectStatus(await client.deleteManifest('app', 'v1'), 202)
const flush = async ({ registry }: BerthInProcess) => await registry.history.flush(signal)

const WORKS: Readonly<Record<string, Work>> = {
  'a push': {
    run: async ({ client }) => await expectStatus(await client.putManifest('app', 'v1', one.manifest), 201),
    leads: { to: first, how: 'manifest push', by: 'alice' },
  },
  'a tag delete': {
    run: deletesTag,
    leads: { to: 'nothing', how: 'tag delete', by: 'alice' },
  },
  'a rule': {
    before: async (berth) => {
      await pushImage(berth.client, one, 'latest')
      await berth.scan()
      await passTime(berth, 8 * DAY_MS)
    },
    run: async ({ registry }) => await registry.retention.duty?.run(signal),
    leads: { to: 'nothing', how: 'tag delete', by: 'retention' },
  },
  'an undelete': {
    before: deletesTag,
    led: { to: 'nothing', how: 'tag delete', by: 'alice' },
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
    leads: { to: second, how: 'undelete', by: 'test' },
    step: 5,
  },
  'a manifest delete': {
    run: async ({ client }) => await expectStatus(await client.deleteManifest('app', second), 202),
    leads: { to: 'nothing', how: 'manifest delete', by: 'alice' },
  },
  'a restore': {
    run: async ({ registry }) => {
      const restore = { digest: parseDigest(first), tags: [parseTag('v1')], actor: ownWork('test'), overwrites: true }
      await registry.restoration.restore(app, { ...restore, how: 'tag restore' }, { needsTag: true })
    },
    leads: { to: first, how: 'tag restore', by: 'test' },
    // The steps are those of a push.
    step: 7,
  },
  'taking moves to the storage': { run: flush },
  'putting files together': {
    run: async (berth) => {
      await flush(berth)
      await berth.registry.history.tidy([Date.now()], signal)
    },
  },
}

/** The oldest first. */
async function toldOf(berth: BerthInProcess): Promise<readonly Told[]> {
  const { moves } = await pastIn(berth).of(app, parseTag('v1'))
  return moves.map(({ digest, how, by, atMs }) => ({ move: inWords({ to: digest, how, by }), atMs })).reverse()
}

function inWords({ to, how, by }: { readonly [Fact in keyof Moved]: string | undefined }): string {
  return `${to ?? 'nothing'} by ${how ?? 'what is not recorded'} of ${by ?? 'an unknown name'}`
}

async function pointsTo({ client }: BerthInProcess): Promise<string> {
  const response = await client.getManifest('app', 'v1')
  return response.headers.get('docker-content-digest') ?? 'nothing'
}

/** A work, with what the history tells before it and how long it may have taken. */
class TimedWork {
  readonly #work: Work
  before: readonly Told[] = []
  pointed = ''
  #beganMs = 0
  #endedMs = 0

  constructor(work: Work) {
    this.#work = work
  }

  async prepare(berth: BerthInProcess): Promise<void> {
    const { before, leads, led } = this.#work
    await pushImage(berth.client, one, 'v1')
    await flush(berth)
    await pushImage(berth.client, two, 'v1')
    await before?.(berth)
    if (leads !== undefined) await flush(berth)
    this.before = await toldOf(berth)
    expect(this.before.map(({ move }) => move)).toEqual([...PUSHED, ...(led === undefined ? [] : [led])].map(inWords))
    this.pointed = await pointsTo(berth)
    this.#beganMs = Date.now()
  }

  async run(berth: BerthInProcess): Promise<void> {
    await this.#work.run(berth)
    this.#endedMs = Date.now()
  }

  /** What the move of the work is to be called; the record of a deletion is in the storage before it, and tells all. */
  moveTold(database: string): string | undefined {
    const { leads } = this.#work
    if (leads === undefined || database === 'kept' || leads.to === 'nothing') return leads && inWords(leads)
    return inWords({ to: leads.to, how: undefined, by: undefined })
  }

  /** Its move is not told of a time at which it was not made. */
  expectTime({ atMs }: Told): void {
    expect(atMs).toBeGreaterThanOrEqual(Math.floor(this.#beganMs / TOLD_TO_MS) * TOLD_TO_MS)
    // Where it was cut, whatever goes on with it does so later.
    expect(atMs).toBeLessThanOrEqual(this.#endedMs === 0 ? Date.now() : this.#endedMs)
  }
}

/** Each work, and what has become of the database after it: what moves nothing is in the database alone. */
const CASES = Object.entries(WORKS).flatMap(([title, work]) =>
  (['kept', 'gone'] as const)
    .filter((database) => database === 'kept' || work.leads !== undefined)
    .map((database) => ({ title, work, database })),
)

describeOnRoots('the history of a tag', (newRoot, kind) => {
  const isDirectory = kind === 'directory'
  const chosen = someOf(`works that are cut on a ${kind}`, CASES, isDirectory ? 5 : 1)

  describe('at any change of the storage', () => {
    test.each(chosen)(
      '$title that is cut is told once, with its time and on whose behalf it was, or has not moved the tag, with the database $database after that',
      async ({ work, database }) => {
        // In CI every third one, beginning with one of the first three.
        const stride = triesAll ? (work.step ?? 1) : Math.max(3, work.step ?? 3)
        let cuts = triesAll ? 0 : random.below(3)
        for (let isCut = true; isCut; cuts += stride) {
          const root = await newRoot(`cut-${cuts}`)
          const timed = new TimedWork(work)
          isCut = await cutAt({ steps: 'changes', after: cuts }, root, {
            ...{ options: OPTIONS, before: async (berth) => await timed.prepare(berth) },
            work: async (berth) => await timed.run(berth),
          })
          if (database === 'gone') loseDatabase(root)
          await using berth = await BerthInProcess.start(root)
          await berth.registry.operations.sweep()
          await berth.scan()
          const now = await pointsTo(berth)

          const waiting = await toldOf(berth)
          await flush(berth)
          const written = await toldOf(berth)

          const [before, added] = [waiting.slice(0, timed.before.length), waiting.slice(timed.before.length)]
          expect({ cuts, before }).toEqual({ cuts, before: [...timed.before] })
          const move = now === timed.pointed ? undefined : timed.moveTold(database)
          expect({ cuts, added: added.map((told) => told.move) }).toEqual({ cuts, added: move === undefined ? [] : [move] })
          for (const told of added) timed.expectTime(told)
          expect(written).toEqual(waiting)
          if (!isCut) expect(now).toBe(work.leads?.to ?? second)
          expect(await listClaimOwners(berth.opened.metadata.read)).toEqual([])
        }
        expect(cuts).toBeGreaterThan(isDirectory ? 3 : 1)
      },
      TEST_MS,
    )
  })
})
