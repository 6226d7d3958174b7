import type { z } from 'zod'
import { GLOB_RULE, RepositoryGlob } from '../../oci/repository-glob.ts'
import { TAG_GLOB_RULE, TagGlob } from '../../oci/tag-glob.ts'
import { findSpanMs, SPAN_RULE } from '../../runtime/duration.ts'
import type { RetentionConfig } from '../config.ts'
import type { ConfigProblem } from '../config-error.ts'
import { exact, key, list, optionalKey, section } from './keys.ts'
import { boolean, filled, parsed, spanMs, wholeNumber } from './values.ts'

const untagged = parsed(
  (value) => (value === 'keep' ? ('keep' as const) : findSpanMs(value)),
  `is not allowed; write keep, or ${SPAN_RULE}`,
)

const repositories = list(
  parsed((value) => RepositoryGlob.find(value), GLOB_RULE),
  {
    about: 'The repositories, as patterns: * stands for letters within one part of a name, ** for one or more parts.',
    example: "['ci/**']",
  },
)
const tags = list(
  parsed((value) => TagGlob.find(value), TAG_GLOB_RULE),
  { about: 'The tags, as patterns: * stands for any letters. Others are not touched.', example: "['pr-*']" },
)
const tagSet = section({ repositories, tags })

const keep = section({
  newest: optionalKey(wholeNumber(1), {
    example: '10',
    about: 'So many images, by the time of their last push; tags of one digest are one image.',
  }),
  versions: optionalKey(wholeNumber(1), {
    example: '3',
    about: 'So many versions, the highest by their numbers: v1.10 is above v1.9. A tag that is no version stays.',
  }),
  pushed: optionalKey(spanMs, { example: '14d', about: 'What was pushed within this time.' }),
  pulled: optionalKey(spanMs, {
    example: '7d',
    about: 'What was pulled within this time; also what may have been, because pulls are not noted for so long.',
  }),
  moves: optionalKey(wholeNumber(1), {
    example: '5',
    about: 'The tags themselves, and as many of the images that each led to last, the present one among them.',
  }),
  running: optionalKey(boolean, {
    example: 'true',
    about:
      'What runs somewhere by the report of an agent, with a tag or without one. While a host is silent, anything may run there.',
  }),
})

/** Berth's own, at the top, where registry:2 passes over what it does not know. */
export const retention = exact(
  section({
    dryrun: key(boolean, {
      default: 'true',
      example: 'false',
      about: 'The rules are only shown, by `berth retention preview` and in the log; nothing goes until this is false.',
    }),
    untagged: key(untagged, {
      default: 'keep',
      example: '30d',
      about:
        'When a manifest without a tag goes that nothing else needs: so long after it lost its tag, was pushed or was pulled. Not below the grace of the collector.',
    }),
    rules: list(section({ repositories, tags, keep }), {
      about:
        'Which tags stay (docs/operations/retention.md). The first rule about a repository decides there; a tag that it names goes when no line of keep keeps it.',
      example: "[{repositories: ['ci/**'], tags: ['pr-*'], keep: {newest: 10, pushed: 14d}}]",
    }),
    immutable: list(tagSet, {
      about: 'Tags that neither move nor go, for no client and no rule.',
      example: "[{repositories: ['prod/**'], tags: ['v*']}]",
    }),
    protected: list(tagSet, {
      about: 'Tags that may move, and do not go.',
      example: "[{repositories: ['**'], tags: [latest]}]",
    }),
    ignorepulls: list(filled, { about: 'Names of users, as those of scanners: their pulls do not count.', example: '[scanner]' }),
  }),
)

export function retentionConfig({ dryrun, untagged, rules, ignorepulls, ...sets }: z.output<typeof retention>): RetentionConfig {
  return {
    dryRun: dryrun,
    untaggedMs: untagged === 'keep' ? undefined : untagged,
    rules: rules.map(({ keep: { newest, versions, pushed, pulled, moves, running = false }, ...set }) => ({
      ...set,
      keep: { newest, versions, pushedMs: pushed, pulledMs: pulled, moves, running },
    })),
    immutable: sets.immutable,
    protected: sets.protected,
    ignoredPullers: ignorepulls,
  }
}

interface Around {
  readonly graceMs: number
  /** This registry is a cache of another one. */
  readonly isCache: boolean
}

export function retentionProblems(parsed: z.output<typeof retention>, { graceMs, isCache }: Around): ConfigProblem[] {
  const { untagged, rules, immutable } = parsed
  const problems: ConfigProblem[] = []
  const at = (path: string, message: string) => problems.push({ path: `retention.${path}`, message })
  if (untagged !== 'keep' && untagged < graceMs)
    at('untagged', 'is shorter than storage.maintenance.collector.grace; write the same or more')
  if (isCache && immutable.length > 0)
    at('immutable', 'cannot be kept by a cache of another registry (proxy.remoteurl): its tags move as they do there')
  for (const list of ['rules', 'immutable', 'protected'] as const)
    for (const [index, set] of parsed[list].entries())
      for (const name of ['repositories', 'tags'] as const)
        if (set[name].length === 0) at(`${list}.${index}.${name}`, 'names nothing, so the entry could never apply')
  for (const [index, rule] of rules.entries()) {
    if (Object.values(rule.keep).every((line) => line === undefined || line === false))
      at(
        `rules.${index}.keep`,
        'has no line, so that every tag would go which the rule names; write newest, versions, pushed, pulled, moves or running',
      )
    const earlier = rules.slice(0, index).findIndex((other) => coversAll(other.repositories, rule.repositories))
    if (earlier >= 0 && rule.repositories.length > 0)
      at(
        `rules.${index}.repositories`,
        `could never apply: retention.rules.${earlier} is about the same repositories and decides alone; put the narrower rule first`,
      )
  }
  return problems
}

/** By what is written: two patterns may cover a third one, which is not found. */
function coversAll(covering: readonly RepositoryGlob[], covered: readonly RepositoryGlob[]): boolean {
  const texts = new Set(covering.map(String))
  return texts.has('**') || covered.every((glob) => texts.has(String(glob)))
}
