import type { MetricFamily } from './family.ts'

/** How full a quota is. */
export interface QuotaState {
  readonly name: string
  readonly usedBytes: number
  readonly limitBytes: number | undefined
  readonly warnBytes: number | undefined
}

/** All processes see the same database, so the largest value is the newest one. */
export function quotaFamilies(quotas: readonly QuotaState[]): MetricFamily[] {
  if (quotas.length === 0) return []
  return [
    family(
      'berth_quota_bytes',
      'Bytes that the repositories of a quota hold, each blob once.',
      quotas,
      (quota) => quota.usedBytes,
    ),
    family('berth_quota_limit_bytes', 'Above it pushes are refused.', quotas, (quota) => quota.limitBytes),
    family('berth_quota_warn_bytes', 'Above it pushes are warned.', quotas, (quota) => quota.warnBytes),
  ]
}

function family(
  name: string,
  help: string,
  quotas: readonly QuotaState[],
  read: (quota: QuotaState) => number | undefined,
): MetricFamily {
  const values = quotas.flatMap((quota) => {
    const value = read(quota)
    return value === undefined ? [] : [{ value, labels: { quota: quota.name } }]
  })
  return { name, help, type: 'gauge', aggregator: 'max', values }
}
