import { StartError } from '../composition/start-error.ts'
import type { Config } from '../config/config.ts'
import { countsBy, isAllCounted, recountQuotas } from '../metadata/quotas/quotas.ts'
import type { Log } from '../observe/log.ts'
import { DEFAULT_POLICY } from '../registry/collect/policy.ts'
import { countedMirrors, type LimitedMirror } from '../registry/mirror/space/counted-mirrors.ts'
import { QuotaCount } from '../registry/quotas/quota-count.ts'
import { QuotaRules } from '../registry/quotas/quota-rules.ts'
import { type QuotaState, Quotas } from '../registry/quotas/quotas.ts'
import { type Opened, openRegistry, withDatabase } from './command-registry.ts'

export type { QuotaState }

export interface QuotasRequest {
  /** Counts each quota anew as well. */
  readonly isChecked: boolean
  readonly signal: AbortSignal
}

export interface CountedQuota extends QuotaState {
  /** The result of a new count; undefined without a check. */
  readonly recountedBytes: number | undefined
}

export interface CountedQuotas {
  /** The fullest first. */
  readonly quotas: readonly CountedQuota[]
  /** The server has not counted everything yet: they may hold more. */
  readonly isUnderWay: boolean
}

/** As a server with this configuration counts. */
export function quotaRulesOf(config: Config): QuotaRules {
  return new QuotaRules(config.quotas, countedMirrors(mirrorsIn(config)))
}

/** How full the quotas of a storage are, beside a server or while none runs. Throws StartError. */
export async function readQuotas(config: Config, log: Log, request: QuotasRequest): Promise<CountedQuotas> {
  if (config.quotas.length === 0)
    throw new StartError('The configuration has no section quotas: nothing is counted; see docs/operations/quotas.md.')
  const rules = quotaRulesOf(config)
  return await withDatabase(config, log, async (opened) => {
    const { metadata, beganEpoch: isAlone } = opened.database
    if (isAlone) await countAll(opened, { config, rules, log, signal: request.signal })
    else if (!(await countsBy(metadata.read, rules.text)))
      throw new StartError('The server counts by other quotas than this configuration has; restart it with this configuration.')
    const states = await new Quotas({ metadata, rules, log }).list(Number.MAX_SAFE_INTEGER)
    const checked = request.isChecked ? await recountQuotas(metadata.read) : []
    const recounted = new Map(checked.map((quota) => [quota.name, quota]))
    const quotas = states.map((state) => {
      const found = recounted.get(state.name)
      return { ...state, usedBytes: found?.used ?? state.usedBytes, recountedBytes: found?.recounted }
    })
    return { quotas: [...quotas, ...unused(rules, states)], isUnderWay: !(await isAllCounted(metadata.read)) }
  })
}

function mirrorsIn({ proxy, mirrors }: Config): readonly LimitedMirror[] {
  return proxy === undefined ? mirrors : [{ prefix: '', limits: proxy.limits }, ...mirrors]
}

interface Counting {
  readonly config: Config
  readonly rules: QuotaRules
  readonly log: Log
  readonly signal: AbortSignal
}

/** Nothing may be believed that was written while no process was alive: everything is looked at, as `garbage-collect` does. */
async function countAll(opened: Opened, { config, rules, log, signal }: Counting): Promise<void> {
  const policy = { ...DEFAULT_POLICY, ...config.storage.collector }
  const replaced = new AbortController()
  const onReplaced = (error: Error) => replaced.abort(error)
  const registry = await openRegistry({ config, ...opened, log, policy, requireAllowed: undefined, onReplaced })
  const ending = AbortSignal.any([signal, replaced.signal])
  await registry.operations.sweep()
  await registry.backgroundScan.run(ending)
  ending.throwIfAborted()
  await new QuotaCount({ metadata: opened.database.metadata, rules, log }).run(ending)
  ending.throwIfAborted()
}

/** Quotas that nothing has used yet have no row. */
function unused(rules: QuotaRules, states: readonly QuotaState[]): readonly CountedQuota[] {
  const names = new Set(states.map(({ name }) => name))
  return rules.whole
    .filter(({ name }) => !names.has(name))
    .map((quota) => ({ ...quota, usedBytes: 0, recountedBytes: undefined }))
}
