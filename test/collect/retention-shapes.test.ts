import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import type { RetentionPolicy } from '../../src/registry/retention/retention-policy.ts'
import { collectAll, DAY_MS } from '../support/collecting.ts'
import { someOf } from '../support/effort.ts'
import { makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { RetentionLab } from '../support/retention-lab.ts'
import { ruleOf, tagSetOf } from '../support/retention-rule.ts'
import { blobsOfShape, pushRoot, pushStatements, referencesOf, SHAPES, type Shape } from '../support/signed-shapes.ts'

/**
 * Signed, attested and multi-platform images, and caches of builds, under each kind of rule: one of two goes, the other one stays. Nothing of the
 * one that stays is lost, nothing that is attached counts as an image, and what belongs to the other one goes with it and no sooner.
 */

setDefaultTimeout(120_000)

const CI = 'ci/app'
const WEEK_MS = 7 * DAY_MS

interface RuleKind {
  readonly title: string
  readonly policy: Partial<RetentionPolicy>
  readonly going: string
  readonly staying: string
  /** The one that stays is pushed first: its order is another one. */
  readonly isStayingFirst?: boolean
  /** Pushed last: what the rule keeps beside the one that stays. */
  readonly last?: string
  /** Before each pass. */
  readonly renew?: (staying: Shape) => Promise<void>
}

const rules = (keep: Parameters<typeof ruleOf>[2]) => ({ rules: [ruleOf('**', '*', keep)] })
const versions = { going: 'v1.9', staying: 'v1.10' }

const KINDS: readonly RuleKind[] = [
  { title: 'the newest by time', policy: rules({ newest: 1 }), going: 'a', staying: 'b' },
  { title: 'the highest version', policy: { rules: [ruleOf('**', 'v*', { versions: 1 })] }, ...versions, isStayingFirst: true },
  {
    ...{ title: 'what was pushed lately', policy: rules({ pushedMs: WEEK_MS }), going: 'a', staying: 'b' },
    renew: async ({ root }) => {
      await expectStatus(await lab.berth.client.putManifest(CI, 'b', root), 201)
    },
  },
  {
    ...{ title: 'what was pulled lately', policy: rules({ pulledMs: WEEK_MS }), going: 'a', staying: 'b' },
    renew: async () => {
      await expectStatus(await lab.berth.client.getManifest(CI, 'b'), 200)
      await lab.berth.registry.retention.pulls.write()
    },
  },
  { title: 'the last images of a tag', policy: rules({ moves: 2 }), going: 'latest', staying: 'latest', last: 'latest' },
  { title: 'a time without a tag alone', policy: {}, going: 'latest', staying: 'latest' },
  {
    ...{ title: 'a hold of a tag', policy: rules({ newest: 1 }), going: 'a', staying: 'b', last: 'c' },
    renew: async () => await lab.berth.registry.holds.hold(parseRepositoryName(CI), parseTag('b')),
  },
  {
    ...{ title: 'a hold of a digest', policy: rules({ newest: 1 }), going: 'a', staying: 'b', last: 'c' },
    renew: async ({ root }) => await lab.berth.registry.holds.hold(parseRepositoryName(CI), parseDigest(root.digest)),
  },
  ...(['immutable', 'protected'] as const).map((list) => ({
    ...{ title: `a list of ${list} tags`, policy: { ...rules({ newest: 1 }), [list]: [tagSetOf('**', 'b')] } },
    ...{ going: 'a', staying: 'b', last: 'c' },
  })),
]

const ROWS = KINDS.flatMap((kind) => Object.keys(SHAPES).map((shape) => [shape, kind.title, kind] as const))

let lab: RetentionLab
beforeEach(() => {
  lab = new RetentionLab()
})
afterEach(() => lab[Symbol.asyncDispose]())

/** What is attached to the one that goes is pushed last of all, and is newer than any image. */
async function pushBoth(kind: RuleKind, going: Shape, staying: Shape): Promise<void> {
  const { client } = lab.berth
  const pushes = [
    async () => await pushRoot(client, CI, going, kind.going),
    async () => {
      await pushRoot(client, CI, staying, kind.staying)
      await pushStatements(client, CI, staying)
    },
  ]
  for (const push of kind.isStayingFirst === true ? pushes.reverse() : pushes) {
    await push()
    await lab.passDays(5)
  }
  if (kind.last !== undefined) await lab.push([[makeImage('the last one', { layers: 1 }), kind.last]])
  await lab.passDays(5)
  await pushStatements(client, CI, going)
}

async function pass(kind: RuleKind, staying: Shape): Promise<void> {
  await kind.renew?.(staying)
  await lab.pass()
}

/** What of these is not there. */
async function lostOf(shape: Shape, references = [shape.root.digest, ...referencesOf(shape)]): Promise<readonly string[]> {
  const lost: string[] = []
  for (const reference of references) if ((await lab.status(reference)) !== 200) lost.push(reference)
  for (const digest of blobsOfShape(shape)) if ((await lab.berth.client.headBlob(CI, digest)).status !== 200) lost.push(digest)
  return lost
}

test.each(someOf('retention-shapes', ROWS, 12))('%s, by %s', async (shapeName, _, kind) => {
  const makeShape = SHAPES[shapeName]
  const [going, staying] = ['going', 'staying'].map((name) => makeShape?.(name)) as [Shape, Shape]
  await lab.start({ untaggedMs: 30 * DAY_MS, ...kind.policy })
  await lab.berth.registry.retention.pulls.write()
  await pushBoth(kind, going, staying)

  for (let round = 0; round < 2; round += 1) await pass(kind, staying)
  const whileUntagged = [await lostOf(going), await lostOf(staying)]
  const tags = [await lab.status(kind.going), await lab.status(kind.staying)]
  await lab.passDays(31)
  await kind.renew?.(staying)
  const shown = Object.entries(await lab.decided()).flatMap(([name, words]) => (words.startsWith('goes') ? [name] : []))
  await pass(kind, staying)
  const withoutRoot = [await lostOf(going), await lostOf(staying)]
  for (let round = 0; round < 4; round += 1) {
    await kind.renew?.(staying)
    await collectAll(lab.berth, 1)
  }
  await pass(kind, staying)

  expect(whileUntagged).toEqual([[], []])
  expect(tags).toEqual([kind.going === kind.staying ? 200 : 404, 200])
  expect(shown).toEqual([`${CI}@${going.root.digest}`])
  expect(withoutRoot).toEqual([[going.root.digest], []])
  const all = [going.root.digest, ...referencesOf(going), ...blobsOfShape(going)]
  expect([await lostOf(going), await lostOf(staying)]).toEqual([all, []])
})
