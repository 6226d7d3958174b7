import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag, type Tag } from '../../src/oci/reference.ts'
import { RepositoryGlob } from '../../src/oci/repository-glob.ts'
import { TagGlob } from '../../src/oci/tag-glob.ts'
import type { ManifestFacts, RepositoryFacts, TagFacts } from '../../src/retention/facts.ts'
import type { NamePattern, RetentionRule, RetentionRules, TagSet } from '../../src/retention/rules.ts'
import { type GeneratedPast, generatePast } from './moves-generator.ts'
import type { SeededRandom } from './seeded-random.ts'

export const NOW_MS = Date.UTC(2026, 10, 29)
const DAY_MS = 86_400_000

const REPOSITORIES = ['ci/app', 'ci/tools/lint', 'team/web', 'prod']
const REPOSITORY_PATTERNS = ['**', 'ci/**', 'ci/*', 'team/web', '*'].map((text) => found(RepositoryGlob.find(text)))
const TAG_PATTERNS = ['*', 'pr-*', 'v*', 'latest', '1.*', '*-*'].map((text) => found(TagGlob.find(text)))
/** Few: tags share them. */
const DIGESTS = Array.from({ length: 12 }, (_, image) => parseDigest(`sha256:${String(image).padStart(64, 'a')}`))

export function generateRules(random: SeededRandom): RetentionRules {
  return {
    rules: Array.from({ length: random.below(4) }, () => generateRule(random)),
    untaggedMs: random.chance(0.8) ? days(random) : undefined,
    immutable: random.chance(0.2) ? [tagSet(random)] : [],
    protected: random.chance(0.2) ? [tagSet(random)] : [],
  }
}

export interface GeneratedRepository {
  readonly facts: Omit<RepositoryFacts, 'moves'>
  readonly pasts: ReadonlyMap<Tag, GeneratedPast>
}

/** Times are whole days, so that some are equal, and some lie just at the end of a time. */
export function generateRepository(random: SeededRandom): GeneratedRepository {
  const generated = Array.from({ length: random.below(14) }, () => generateTag(random))
  const tags = [...new Map(generated.map((tag) => [tag.name, tag])).values()]
  return {
    facts: {
      name: parseRepositoryName(random.pick(REPOSITORIES)),
      tags,
      untagged: Array.from({ length: random.below(4) }, () => generateManifest(random)),
      pullsKnownSinceMs: random.chance(0.8) ? past(random) : undefined,
      runningUnknown: generateUnknown(random),
    },
    pasts: new Map(tags.map(({ name, digest }) => [name, generatePast(random, digest, DIGESTS)])),
  }
}

function generateRule(random: SeededRandom): RetentionRule {
  const few = () => (random.chance(0.35) ? 1 + random.below(5) : undefined)
  const span = () => (random.chance(0.35) ? days(random) : undefined)
  const moves = random.chance(0.2) ? 1 + random.below(4) : undefined
  const running = random.chance(0.3)
  return { ...tagSet(random), keep: { newest: few(), versions: few(), pushedMs: span(), pulledMs: span(), moves, running } }
}

function generateUnknown(random: SeededRandom): RepositoryFacts['runningUnknown'] {
  if (random.chance(0.8)) return undefined
  return random.chance(0.5) ? { host: undefined, seenMs: undefined } : { host: 'web-1', seenMs: past(random) }
}

function generateTag(random: SeededRandom): TagFacts {
  return {
    name: parseTag(generateName(random)),
    digest: random.pick(DIGESTS),
    pushedMs: random.chance(0.9) ? past(random) : undefined,
    pulledMs: random.chance(0.4) ? past(random) : undefined,
    runsOn: random.chance(0.2) ? 'web-2' : undefined,
    isChild: random.chance(0.05),
    isReferrer: random.chance(0.05),
    isHeld: random.chance(0.05),
    isUnreadable: random.chance(0.03),
  }
}

function generateName(random: SeededRandom): string {
  const part = () => random.below(random.chance(0.2) ? 30 : 3)
  switch (random.below(6)) {
    case 0:
      return `pr-${random.below(8)}`
    case 1:
      return `v${part()}.${part()}.${part()}`
    case 2:
      return `1.${part()}${random.chance(0.5) ? `-rc.${part()}` : ''}`
    case 3:
      return `sha256-${String(random.below(4)).padStart(64, '0')}${random.pick(['', '.sig', '.att'])}`
    case 4:
      // One letter too few: it is attached to nothing.
      return random.chance(0.2) ? `sha256-${'0'.repeat(63)}` : 'latest'
    default:
      return `build-${random.below(5)}`
  }
}

function generateManifest(random: SeededRandom): ManifestFacts {
  return {
    digest: random.pick(DIGESTS),
    pushedMs: random.chance(0.9) ? past(random) : undefined,
    untaggedSinceMs: random.chance(0.9) ? past(random) : undefined,
    pulledMs: random.chance(0.3) ? past(random) : undefined,
    runsOn: random.chance(0.2) ? 'web-2' : undefined,
    isChild: random.chance(0.1),
    isReferrer: random.chance(0.1),
    isHeld: random.chance(0.05),
    isUnreadable: random.chance(0.05),
  }
}

function tagSet(random: SeededRandom): TagSet {
  return {
    repositories: random.some(REPOSITORY_PATTERNS, 1 + random.below(2)),
    tags: random.some(TAG_PATTERNS, 1 + random.below(2)),
  }
}

function days(random: SeededRandom): number {
  return (1 + random.below(20)) * DAY_MS
}

/** Now and then a time that is still to come: a clock was put back. */
function past(random: SeededRandom): number {
  return NOW_MS - (random.below(40) - 1) * DAY_MS
}

function found(glob: NamePattern | undefined): NamePattern {
  if (glob === undefined) throw new Error('the generator has a pattern that is none')
  return glob
}
