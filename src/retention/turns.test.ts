import { expect, test } from 'bun:test'
import { NOW_MS } from '../../test/support/retention-generator.ts'
import { SeededRandom } from '../../test/support/seeded-random.ts'
import { parseDigest } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import type { ManifestFacts, RepositoryFacts, TagFacts } from './facts.ts'
import { Highest } from './highest.ts'
import { decideUntagged } from './manifest-decisions.ts'
import { type KeepLines, NO_RETENTION, type RetentionRules } from './rules.ts'
import { decideTags } from './tag-decisions.ts'
import { AT_ONCE } from './turns.ts'

const TAGS = 20 * AT_ONCE
const DAY_MS = 86_400_000
const NO_LINES: KeepLines = {
  ...{ newest: undefined, versions: undefined, pushedMs: undefined, pulledMs: undefined, moves: undefined, running: false },
}
const flags = { isChild: false, isReferrer: false, isHeld: false, isUnreadable: false, runsOn: undefined }
const digestOf = (number: number) => parseDigest(`sha256:${String(number).padStart(64, '0')}`)

/** Counts how often anything of a tag or a manifest is read between two turns. */
class ReadCount {
  most = 0
  turns = 0
  #sinceTurn = 0

  of<Facts extends object>(facts: Facts, watched: keyof Facts): Facts {
    return new Proxy(facts, {
      get: (target, name, receiver) => {
        if (name === watched) this.#sinceTurn += 1
        this.most = Math.max(this.most, this.#sinceTurn)
        return Reflect.get(target, name, receiver)
      },
    })
  }

  readonly turn = async () => {
    this.turns += 1
    this.#sinceTurn = 0
  }
}

function repositoryOf(count: ReadCount): RepositoryFacts {
  const tags = Array.from({ length: TAGS }, (_, number): TagFacts => {
    const facts = {
      name: parseTag(`v1.${number}`),
      digest: digestOf(number),
      pushedMs: NOW_MS - number * 1000,
      pulledMs: undefined,
    }
    return count.of({ ...facts, ...flags }, 'isChild')
  })
  const untagged = Array.from({ length: TAGS }, (_, number): ManifestFacts => {
    const times = { pushedMs: 0, untaggedSinceMs: 0, pulledMs: undefined }
    return count.of({ digest: digestOf(number + TAGS), ...times, ...flags }, 'isChild')
  })
  const moves = new Map(tags.map(({ name, digest }) => [name, new Map([[digest, 0]])]))
  return { name: parseRepositoryName('ci/app'), tags, untagged, moves, pullsKnownSinceMs: 0, runningUnknown: undefined }
}

test.each([
  // In how many rounds it goes through all of them.
  ['newest', { newest: TAGS / 2 }, 4],
  ['versions', { versions: TAGS / 2 }, 3],
  ['pushed', { pushedMs: DAY_MS }, 3],
  ['pulled, which takes every tag', { pulledMs: DAY_MS }, 4],
  ['moves', { moves: 5 }, 4],
  ['pushed, which takes every tag', { pushedMs: 1 }, 4],
] as const)('a rule with %s goes through no more than some hundred tags or manifests in one turn', async (_, keep, rounds) => {
  const count = new ReadCount()
  const repository = repositoryOf(count)
  const every = { fits: () => true }
  const rules: RetentionRules = {
    ...{ ...NO_RETENTION, untaggedMs: DAY_MS },
    rules: [{ repositories: [every], tags: [every], keep: { ...NO_LINES, ...keep } }],
  }
  const clock = { nowMs: NOW_MS + 2, turn: count.turn }

  const tags = await decideTags(rules, repository, clock)
  const untagged = await decideUntagged(rules, repository, clock)

  expect([tags.length, untagged.length]).toEqual([TAGS, TAGS])
  expect(count.most).toBeLessThanOrEqual(AT_ONCE)
  expect(count.turns).toBe((rounds * TAGS) / AT_ONCE)
})

test('the highest of many values are those at the end of their order', () => {
  const random = new SeededRandom(19)
  for (let round = 0; round < 200; round += 1) {
    const values = Array.from({ length: random.below(60) }, () => random.below(40))
    const count = 1 + random.below(20)
    const highest = new Highest<number>(count, (one, other) => one - other)

    for (const value of values) highest.add(value)

    expect(highest.lowest()).toBe(values.toSorted((one, other) => one - other).slice(-count)[0])
  }
})
