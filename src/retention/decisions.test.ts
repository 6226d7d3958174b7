import { describe, expect, test } from 'bun:test'
import { NOW_MS } from '../../test/support/retention-generator.ts'
import { parseDigest } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import type { Decision } from './decision.ts'
import type { ManifestFacts, RepositoryFacts, TagFacts } from './facts.ts'
import { decideUntagged } from './manifest-decisions.ts'
import { wordsOf } from './reason.ts'
import { type KeepLines, type NamePattern, NO_RETENTION, type RetentionRules } from './rules.ts'
import { decideTags } from './tag-decisions.ts'

const DAY_MS = 86_400_000
const CLOCK = { nowMs: NOW_MS, turn: async () => undefined }

const every: NamePattern = { fits: () => true }
const startingWith = (start: string): NamePattern => ({ fits: (name) => name.startsWith(start) })
const NO_LINES: KeepLines = {
  ...{ newest: undefined, versions: undefined, pushedMs: undefined, pulledMs: undefined, moves: undefined, running: false },
}
const keeping = (keep: Partial<KeepLines>, more: Partial<RetentionRules> = {}): RetentionRules => ({
  ...NO_RETENTION,
  rules: [
    { repositories: [every], tags: [startingWith('pr-'), startingWith('v'), startingWith('1')], keep: { ...NO_LINES, ...keep } },
  ],
  ...more,
})
const digestOf = (image: number) => parseDigest(`sha256:${String(image).padStart(64, '0')}`)

/** A tag that was pushed so many days ago. */
function tagOf(name: string, ageDays: number | undefined, more: Partial<TagFacts> = {}): TagFacts {
  return {
    name: parseTag(name),
    digest: digestOf(Number(Bun.hash(name) % 1_000_000_000n)),
    pushedMs: ageDays === undefined ? undefined : NOW_MS - ageDays * DAY_MS,
    pulledMs: undefined,
    ...{ isChild: false, isReferrer: false, isHeld: false, isUnreadable: false, runsOn: undefined },
    ...more,
  }
}

function manifestOf(ageDays: number, more: Partial<ManifestFacts> = {}): ManifestFacts {
  const ms = NOW_MS - ageDays * DAY_MS
  return {
    ...{ digest: digestOf(1), pushedMs: ms, untaggedSinceMs: ms, pulledMs: undefined },
    ...{ isChild: false, isReferrer: false, isHeld: false, isUnreadable: false, runsOn: undefined },
    ...more,
  }
}

const repositoryOf = (tags: readonly TagFacts[], more: Partial<RepositoryFacts> = {}): RepositoryFacts => ({
  ...{
    name: parseRepositoryName('ci/app'),
    tags,
    untagged: [],
    pullsKnownSinceMs: undefined,
    runningUnknown: undefined,
    moves: new Map(),
  },
  ...more,
})

async function told(rules: RetentionRules, repository: RepositoryFacts): Promise<Readonly<Record<string, string | undefined>>> {
  const decided = await decideTags(rules, repository, CLOCK)
  return Object.fromEntries(decided.map((decision) => [decision.about.name, sentenceOf(decision)]))
}

const untaggedTold = async (rules: RetentionRules, repository: RepositoryFacts) =>
  (await decideUntagged(rules, repository, CLOCK)).map(sentenceOf)
const sentenceOf = (decision: Decision | undefined) =>
  decision && `${decision.goes ? 'goes' : 'stays'}: ${wordsOf(decision.because)}`

describe('a tag', () => {
  test('that no rule names stays, and so does one in a repository that no rule is about', async () => {
    const rules: RetentionRules = {
      ...keeping({ newest: 1 }),
      rules: [{ repositories: [startingWith('team')], tags: [every], keep: { ...NO_LINES, newest: 1 } }],
    }

    expect(await told(keeping({ newest: 1 }), repositoryOf([tagOf('latest', 900)]))).toEqual({
      latest: 'stays: rule 1 does not name it',
    })
    expect(await told(rules, repositoryOf([tagOf('pr-1', 900)]))).toEqual({ 'pr-1': 'stays: no rule is about the repository' })
  })

  test('is judged by the first rule about its repository alone', async () => {
    const rules = {
      ...keeping({ newest: 1 }),
      rules: [...keeping({ pushedMs: 30 * DAY_MS }).rules, ...keeping({ newest: 1 }).rules],
    }

    expect(await told(rules, repositoryOf([tagOf('pr-1', 40), tagOf('pr-2', 10)]))).toEqual({
      'pr-1': 'goes: rule 1 names it, and none of its lines keeps it',
      'pr-2': 'stays: it was pushed 2026-11-19, within 30d',
    })
  })

  test('is kept by any line', async () => {
    const rules = keeping({ newest: 1, pushedMs: 7 * DAY_MS, pulledMs: 3 * DAY_MS })
    const facts = { pullsKnownSinceMs: NOW_MS - 90 * DAY_MS }
    const pulled = { pulledMs: NOW_MS - DAY_MS }

    expect(
      await told(rules, repositoryOf([tagOf('pr-1', 1), tagOf('pr-2', 6), tagOf('pr-3', 60, pulled), tagOf('pr-4', 61)], facts)),
    ).toEqual({
      'pr-1': 'stays: it is among the newest 1 of rule 1',
      'pr-2': 'stays: it was pushed 2026-11-23, within 7d',
      'pr-3': 'stays: it was pulled 2026-11-28, within 3d',
      'pr-4': 'goes: rule 1 names it, and none of its lines keeps it',
    })
  })

  test('of which it is not known when it was pushed or pulled is kept by a line that would need to know', async () => {
    const known = [tagOf('pr-1', 1), tagOf('pr-2', 2), tagOf('pr-3', undefined)]

    expect(await told(keeping({ newest: 1 }), repositoryOf(known))).toEqual({
      'pr-1': 'stays: it is among the newest 1 of rule 1',
      'pr-2': 'goes: rule 1 names it, and none of its lines keeps it',
      'pr-3': 'stays: it is not known when it was pushed',
    })
    expect((await told(keeping({ pulledMs: DAY_MS }), repositoryOf([tagOf('pr-1', 90)])))['pr-1']).toBe(
      'stays: it is not known when it was last pulled',
    )
    expect(
      (await told(keeping({ pulledMs: 7 * DAY_MS }), repositoryOf([tagOf('pr-1', 90)], { pullsKnownSinceMs: NOW_MS - DAY_MS })))[
        'pr-1'
      ],
    ).toBe('stays: pulls are noted since 2026-11-28 only, less than 7d')
  })

  test('shares the place among the newest with the other tags of its digest', async () => {
    const shared = { digest: digestOf(7) }
    const tags = [tagOf('pr-1', 1, shared), tagOf('pr-1-again', 50, shared), tagOf('pr-2', 2), tagOf('pr-3', 3)]

    expect(await told(keeping({ newest: 2 }), repositoryOf(tags))).toEqual({
      'pr-1': 'stays: it is among the newest 2 of rule 1',
      'pr-1-again': 'stays: it is among the newest 2 of rule 1',
      'pr-2': 'stays: it is among the newest 2 of rule 1',
      'pr-3': 'goes: rule 1 names it, and none of its lines keeps it',
    })
  })

  test('is a version by its numbers, of which a release candidate comes before the release, and v1.2 is 1.2.0', async () => {
    const tags = ['v1.9.0', 'v1.10.0-rc.2', 'v1.10.0', '1.10', 'v1.10.0-rc.10', 'vnext'].map((name) => tagOf(name, 900))
    const kept = 'stays: it is among the highest 2 versions of rule 1'
    const gone = 'goes: rule 1 names it, and none of its lines keeps it'

    expect(await told(keeping({ versions: 2 }), repositoryOf(tags))).toEqual({
      ...{ 'v1.9.0': gone, 'v1.10.0-rc.2': gone, 'v1.10.0': kept, '1.10': kept, 'v1.10.0-rc.10': kept },
      vnext: 'stays: its name is no version, which has no place among versions',
    })
  })

  test('of a signature, a referrer or a child stays with its image, and takes no place among the newest', async () => {
    const hex = 'a'.repeat(64)
    const tags = [
      ...[
        tagOf(`sha256-${hex}.sig`, 1),
        tagOf(`sha256-${hex}.att`, 1),
        tagOf(`sha256-${hex}.sbom`, 1),
        tagOf(`sha256-${hex}`, 1),
      ],
      ...[tagOf('pr-report', 1, { isReferrer: true }), tagOf('pr-2-arm64', 1, { isChild: true })],
      ...[tagOf('pr-1', 20), tagOf('pr-2', 10)],
    ]
    const rules: RetentionRules = {
      ...NO_RETENTION,
      rules: [{ repositories: [every], tags: [every], keep: { ...NO_LINES, newest: 1 } }],
    }
    const attached = 'stays: it is attached to an image, and goes with that'

    expect(await told(rules, repositoryOf(tags))).toEqual({
      ...{
        [`sha256-${hex}.sig`]: attached,
        [`sha256-${hex}.att`]: attached,
        [`sha256-${hex}.sbom`]: attached,
        [`sha256-${hex}`]: attached,
      },
      'pr-report': 'stays: it is about another image, and goes with that',
      'pr-2-arm64': 'stays: it is part of an image index, and goes with that',
      'pr-1': 'goes: rule 1 names it, and none of its lines keeps it',
      'pr-2': 'stays: it is among the newest 1 of rule 1',
    })
  })

  test('that runs somewhere stays, and every other one while a host is silent or none has reported', async () => {
    const rules = keeping({ pushedMs: DAY_MS, running: true })
    const tags = [tagOf('pr-1', 9, { runsOn: 'web-1' }), tagOf('pr-2', 9)]
    const silent = { runningUnknown: { host: 'web-2', seenMs: NOW_MS - 3 * DAY_MS } }
    const never = { runningUnknown: { host: undefined, seenMs: undefined } }

    expect(await told(rules, repositoryOf(tags))).toEqual({
      'pr-1': 'stays: it runs on web-1',
      'pr-2': 'goes: rule 1 names it, and none of its lines keeps it',
    })
    expect(await told(rules, repositoryOf(tags, silent))).toMatchObject({
      'pr-2':
        'stays: it is not known what runs on web-2, which last reported 2026-11-26 (berth deployments forget web-2 if it is gone)',
    })
    expect((await told(rules, repositoryOf(tags, never)))['pr-2']).toEndWith('what runs, because no agent has reported')
    expect((await told(keeping({ pushedMs: DAY_MS }), repositoryOf([...tags, tagOf('v1', 0)], silent)))['pr-1']).toStartWith(
      'goes',
    )
  })

  test('that is held, immutable or protected stays', async () => {
    const sets = (start: string) => [{ repositories: [every], tags: [startingWith(start)] }]
    const rules = keeping({ pushedMs: DAY_MS }, { immutable: sets('v1'), protected: sets('v2') })

    expect(
      await told(rules, repositoryOf([tagOf('v1', 9), tagOf('v2', 9), tagOf('v3', 9, { isHeld: true }), tagOf('v4', 9)])),
    ).toEqual({
      v1: 'stays: retention.immutable names it',
      v2: 'stays: retention.protected names it',
      v3: 'stays: it is held (berth unhold lets it go)',
      v4: 'goes: rule 1 names it, and none of its lines keeps it',
    })
  })

  test('stays with all others of its repository where a rule would take every one', async () => {
    const rules = keeping({ pushedMs: DAY_MS })
    const signature = tagOf(`sha256-${'b'.repeat(64)}.sig`, 9)

    expect(await told(rules, repositoryOf([tagOf('pr-1', 9), tagOf('pr-2', 8), signature]))).toMatchObject({
      'pr-1': 'stays: rule 1 would take all 2 tags of the repository, and so takes none; berth delete does',
      'pr-2': 'stays: rule 1 would take all 2 tags of the repository, and so takes none; berth delete does',
    })
    expect((await told(rules, repositoryOf([tagOf('pr-1', 9)])))['pr-1']).toContain('would take the only tag of the repository')
  })
})

describe('a manifest without a tag', () => {
  const rules = keeping({ moves: 2 }, { untaggedMs: 30 * DAY_MS })
  const known = { pullsKnownSinceMs: NOW_MS - 90 * DAY_MS }
  const toldOf = (untagged: readonly ManifestFacts[], tags: readonly TagFacts[] = [], more: Partial<RepositoryFacts> = known) =>
    untaggedTold(rules, repositoryOf(tags, { untagged, ...more }))

  test('stays for ever unless the configuration says for how long', async () => {
    expect(await untaggedTold(NO_RETENTION, repositoryOf([], { untagged: [manifestOf(900)] }))).toEqual([
      'stays: it has no tag, and retention.untagged is keep',
    ])
  })

  test('goes when it has had no tag, no push and no pull for that long, all of which must be known', async () => {
    expect(
      await toldOf([
        manifestOf(40),
        manifestOf(10),
        manifestOf(40, { pushedMs: NOW_MS - DAY_MS }),
        manifestOf(40, { pulledMs: NOW_MS - DAY_MS }),
        manifestOf(40, { pushedMs: undefined }),
        manifestOf(40, { untaggedSinceMs: undefined }),
      ]),
    ).toEqual([
      'goes: it has had no tag since 2026-10-20, for 30d or more',
      'stays: it has had no tag since 2026-11-19, less than 30d',
      'stays: it was pushed 2026-11-28, within 30d',
      'stays: it was pulled 2026-11-28, within 30d',
      'stays: it is not known when it was pushed',
      'stays: it is not known since when it has no tag',
    ])
    expect(await toldOf([manifestOf(40)], [], {})).toEqual(['stays: it is not known when it was last pulled'])
  })

  test('that is a child, a referrer, held, or not to be read stays', async () => {
    const made = [{ isChild: true }, { isReferrer: true }, { isHeld: true }, { isUnreadable: true }]

    expect(await toldOf(made.map((more) => manifestOf(900, more)))).toEqual([
      'stays: it is part of an image index, and goes with that',
      'stays: it is about another image, and goes with that',
      'stays: it is held (berth unhold lets it go)',
      'stays: it cannot be read, and what it needs is not known',
    ])
  })

  test('that is among the last images of a tag stays, and all do where it is not known what a tag led to', async () => {
    const since = new Map([9, 1, 2].map((image, place) => [digestOf(image), place]))
    const moved = { moves: new Map([[parseTag('pr-1'), since]]), ...known }
    const [tags, images] = [
      [tagOf('pr-1', 1, { digest: digestOf(9) })],
      [manifestOf(40), manifestOf(40, { digest: digestOf(2) })],
    ]

    expect(await toldOf(images, tags, moved)).toEqual([
      'stays: it is among the last 2 images of the tag pr-1',
      'goes: it has had no tag since 2026-10-20, for 30d or more',
    ])
    expect(await toldOf([manifestOf(40)], tags)).toEqual(['stays: it is not known which images the tag pr-1 led to'])
  })

  test('is not kept by what an attached tag led to, known or not: that goes with its image', async () => {
    const all: RetentionRules = { ...rules, rules: [{ repositories: [every], tags: [every], keep: { ...NO_LINES, moves: 2 } }] }
    const signature = tagOf(`sha256-${'a'.repeat(64)}.sig`, 1)
    const gone = ['goes: it has had no tag since 2026-10-20, for 30d or more']
    const led = new Map([[signature.name, new Map([[digestOf(1), 1]])]])

    expect(await untaggedTold(all, repositoryOf([signature], { untagged: [manifestOf(40)], ...known }))).toEqual(gone)
    expect(await untaggedTold(all, repositoryOf([signature], { untagged: [manifestOf(40)], moves: led, ...known }))).toEqual(gone)
  })
})
