import { findSpanMs } from '../../runtime/duration.ts'
import { NOTE_PREFIX } from '../settings/successor-settings.ts'
import { findPolicy, POLICY_RULE, type Policy } from './policy.ts'
import { inOurWords } from './watchtower.ts'
import { findWindows, WINDOW_RULE, type Window } from './window.ts'

export type Strategy = 'stop-first' | 'start-first'

/** How one container is kept. */
export interface Wishes {
  /** `watch`: what is new is told, and nothing is replaced. */
  readonly mode: 'deploy' | 'watch'
  /** `daemon`: what the daemon has by that name; the registry is not asked. */
  readonly source: 'registry' | 'daemon'
  readonly strategy: Strategy
  readonly policy: Policy
  readonly windows: readonly Window[]
  /** For the new container to become healthy in; undefined: as its health check needs. */
  readonly healthyMs: number | undefined
  /** A container without a health check has to run for so long. */
  readonly settleMs: number
  /** Commands in the old container before, in the new one after it is well. */
  readonly before: Hook | undefined
  readonly after: Hook | undefined
}

export interface Hook {
  readonly command: string
  readonly timeoutMs: number
  /** Whether its failure stops the update, or takes it back. */
  readonly isRequired: boolean
}

export interface Defaults {
  /** Containers without a label are kept too. */
  readonly all: boolean
  /** Only containers of this scope; undefined: only those without one. */
  readonly scope: string | undefined
  readonly strategy: Strategy
  readonly windows: readonly Window[]
}

export type Reading =
  | { readonly kind: 'wished'; readonly wishes: Wishes }
  | { readonly kind: 'not ours' }
  /** A label says what it cannot: nothing is done with the container. */
  | { readonly kind: 'wrong'; readonly problem: string }

const KNOWN: ReadonlySet<string> = new Set(
  [
    ...['deploy', 'strategy', 'policy', 'window', 'timeout', 'settle', 'pull', 'scope'],
    'hook.before',
    'hook.after',
    'hook.timeout',
  ].map((name) => `berth.${name}`),
)

export const STRATEGIES: readonly Strategy[] = ['stop-first', 'start-first']

const SETTLE_MS = 10_000
const HOOK_MS = 60_000

/** What the labels of a container ask for: Berth's, and Watchtower's where Berth's say nothing. */
export function readWishes(labels: Readonly<Record<string, string>>, defaults: Defaults): Reading {
  const words = { ...inOurWords(labels), ...labels }
  const deploy = words['berth.deploy'] ?? String(defaults.all)
  if (words['berth.scope'] !== defaults.scope || deploy === 'false') return { kind: 'not ours' }
  const problems: string[] = []
  const read = <Value>(name: string, rule: string, find: (text: string) => Value | undefined): Value | undefined => {
    const text = words[name]
    const value = text === undefined ? undefined : find(text)
    if (text !== undefined && value === undefined) problems.push(`the label ${name} is ${JSON.stringify(text)}; write ${rule}`)
    return value
  }
  const mode = read('berth.deploy', 'true, false or watch', (text) => MODES[text]) ?? 'deploy'
  const hookMs = read('berth.hook.timeout', 'a time as 30s', findSpanMs) ?? HOOK_MS
  const plain = plainWishes(defaults)
  const wishes: Wishes = {
    mode,
    source: read('berth.pull', 'true or false', (text) => SOURCES[text]) ?? plain.source,
    strategy:
      read('berth.strategy', STRATEGIES.join(' or '), (text) => STRATEGIES.find((name) => name === text)) ?? plain.strategy,
    policy: read('berth.policy', POLICY_RULE, findPolicy) ?? plain.policy,
    windows: read('berth.window', WINDOW_RULE, findWindows) ?? plain.windows,
    healthyMs: read('berth.timeout', 'a time as 2m', findSpanMs),
    settleMs: read('berth.settle', 'a time as 10s', findSpanMs) ?? plain.settleMs,
    before: hookOf(words['berth.hook.before'], { timeoutMs: hookMs, isRequired: true }),
    after: hookOf(words['berth.hook.after'], { timeoutMs: hookMs, isRequired: labels['berth.hook.after'] !== undefined }),
  }
  const unknown = Object.keys(labels).filter(
    (name) => name.startsWith('berth.') && !KNOWN.has(name) && !name.startsWith(NOTE_PREFIX),
  )
  problems.push(...unknown.map((name) => `there is no label ${name}; there are ${[...KNOWN].join(', ')}`))
  return problems.length === 0 ? { kind: 'wished', wishes } : { kind: 'wrong', problem: problems.join('; ') }
}

/** Of a container whose labels say nothing else. */
export function plainWishes({ strategy, windows }: Defaults): Wishes {
  const rest = { healthyMs: undefined, settleMs: SETTLE_MS, before: undefined, after: undefined }
  return { mode: 'deploy', source: 'registry', strategy, policy: { kind: 'digest' }, windows, ...rest }
}

const SOURCES: Readonly<Record<string, Wishes['source']>> = { true: 'registry', false: 'daemon' }
const MODES: Readonly<Record<string, Wishes['mode']>> = { true: 'deploy', watch: 'watch' }

function hookOf(command: string | undefined, rest: Omit<Hook, 'command'>): Hook | undefined {
  return command === undefined || command === '' ? undefined : { command, ...rest }
}
