import { expect, test } from 'bun:test'
import { generateRepository, generateRules, NOW_MS } from '../../test/support/retention-generator.ts'
import { type Verdict, verdictOfManifest, verdictOfTag } from '../../test/support/retention-model.ts'
import { SeededRandom } from '../../test/support/seeded-random.ts'
import type { Decision } from './decision.ts'
import { movesSince } from './images-of-tag.ts'
import { decideUntagged } from './manifest-decisions.ts'
import { decideTags } from './tag-decisions.ts'

/** Nightly runs try more, by BERTH_PROPERTY_EFFORT. */
const REPOSITORIES = 10_000 * Number(process.env.BERTH_PROPERTY_EFFORT ?? '1')
const SEED = Number(process.env.BERTH_TEST_SEED ?? 19)

const CLOCK = { nowMs: NOW_MS, turn: async () => undefined }
const verdictOf = ({ goes, because }: Decision): Verdict => `${goes ? 'goes' : 'stays'}: ${because.kind}`

test('generated repositories are decided as the reference model does, each with its reason', async () => {
  const random = new SeededRandom(SEED)
  const met = new Map<Verdict, number>()
  const differences: unknown[] = []

  for (let count = 0; count < REPOSITORIES; count += 1) {
    const rules = generateRules(random)
    const { facts, pasts } = generateRepository(random)
    const moves = new Map([...pasts].flatMap(([tag, past]) => entryOf(tag, movesSince(past))))
    const repository = { ...facts, moves }
    const decided = [...(await decideTags(rules, repository, CLOCK)), ...(await decideUntagged(rules, repository, CLOCK))]
    const verdicts = decided.map(verdictOf)
    const expected = [
      ...repository.tags.map((tag) => verdictOfTag(rules, repository, tag, NOW_MS)),
      ...repository.untagged.map((manifest) => verdictOfManifest(rules, repository, manifest, { pasts, nowMs: NOW_MS })),
    ]
    for (const verdict of verdicts) met.set(verdict, (met.get(verdict) ?? 0) + 1)
    if (!Bun.deepEquals(verdicts, expected)) differences.push({ seed: SEED, count, verdicts, expected })
  }

  expect(differences.slice(0, 3)).toEqual([])
  // Each reason was met: a generator that makes one kind of repository shows nothing.
  expect([...met.keys()].sort()).toEqual([...EVERY_VERDICT].sort())
})

function entryOf<Key, Value>(key: Key, value: Value | undefined): readonly (readonly [Key, Value])[] {
  return value === undefined ? [] : [[key, value]]
}

const EVERY_VERDICT: readonly Verdict[] = [
  ...(['goes: not kept', 'goes: untagged', 'stays: attached', 'stays: child', 'stays: every tag', 'stays: held'] as const),
  ...(['stays: immutable', 'stays: moved away', 'stays: moves', 'stays: moves unknown', 'stays: newest'] as const),
  ...(['stays: no rule', 'stays: no version', 'stays: protected', 'stays: pull unknown', 'stays: pulled'] as const),
  ...(['stays: pulls noted', 'stays: push unknown', 'stays: pushed', 'stays: referrer', 'stays: unnamed'] as const),
  ...([
    'stays: running',
    'stays: running unknown',
    'stays: unreadable',
    'stays: untagged stay',
    'stays: untagged unknown',
    'stays: untagged young',
    'stays: versions',
  ] as const),
]
