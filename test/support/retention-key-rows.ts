import type { Config } from '../../src/config/config.ts'

const DAY_MS = 86_400_000
const NO_LINES = {
  newest: undefined,
  versions: undefined,
  pushedMs: undefined,
  pulledMs: undefined,
  moves: undefined,
  running: false,
}
const SET = { repositories: ['**'], tags: ['*'] }

/** What an entry of a list cannot do without. */
export const RETENTION_AROUND: Readonly<Record<string, object>> = {
  'retention.rules[]': { ...SET, keep: { newest: 1 } },
  'retention.immutable[]': SET,
  'retention.protected[]': SET,
}

/** The keys below `retention`, what stands there, and what becomes of it. */
export const RETENTION_ROWS = [
  ['retention.dryrun', false, ({ retention }: Config): unknown => retention.dryRun, false],
  ['retention.untagged', '30d', ({ retention }: Config): unknown => retention.untaggedMs, 30 * DAY_MS],
  ['retention.rules', [], ({ retention }: Config): unknown => retention.rules, []],
  ...(['rules', 'immutable', 'protected'] as const).flatMap((list) => [
    patterns(list, 'repositories', 'ci/**'),
    patterns(list, 'tags', 'pr-*'),
  ]),
  keep('newest', 10, { newest: 10 }),
  keep('versions', 3, { versions: 3 }),
  keep('pushed', '14d', { pushedMs: 14 * DAY_MS }),
  keep('pulled', '36h', { pulledMs: 1.5 * DAY_MS }),
  keep('moves', 5, { moves: 5 }),
  keep('running', true, { running: true }),
  ['retention.immutable', [], ({ retention }: Config): unknown => retention.immutable, []],
  ['retention.protected', [], ({ retention }: Config): unknown => retention.protected, []],
  ['retention.ignorepulls', ['scanner'], ({ retention }: Config): unknown => retention.ignoredPullers, ['scanner']],
] as const

function patterns(list: 'rules' | 'immutable' | 'protected', name: 'repositories' | 'tags', pattern: string) {
  const read = ({ retention }: Config): unknown => retention[list][0]?.[name].map(String)
  return [`retention.${list}[].${name}`, [pattern], read, [pattern]] as const
}

function keep(line: string, value: unknown, expected: object) {
  const read = ({ retention }: Config): unknown => retention.rules[0]?.keep
  return [`retention.rules[].keep.${line}`, value, read, { ...NO_LINES, ...expected }] as const
}
