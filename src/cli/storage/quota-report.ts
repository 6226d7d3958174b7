import type { CountedQuota, CountedQuotas, QuotaState } from '../../operating/quotas.ts'
import { readableBytes } from '../../runtime/readable-bytes.ts'

type Write = (line: string) => void

/** A line for each quota, as people read it. */
export function writeQuotas(write: Write, { quotas, isUnderWay }: CountedQuotas): void {
  const rows = [['quota', 'used', 'limit', 'warn', 'left', ''], ...quotas.map(rowOf)]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows)
    write(
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  if (isUnderWay) write('The server is still counting what was there before: they may hold more.')
}

/** An object for each quota, for scripts: sizes in bytes. */
export function writeQuotaObjects(write: Write, { quotas, isUnderWay }: CountedQuotas): void {
  for (const { name, usedBytes, limitBytes, warnBytes, recountedBytes } of quotas)
    write(JSON.stringify({ name, usedBytes, limitBytes, warnBytes, recountedBytes, isCounted: !isUnderWay }))
}

function rowOf(quota: CountedQuota): readonly string[] {
  const { name, usedBytes, limitBytes, warnBytes } = quota
  const left = limitBytes === undefined ? undefined : Math.max(0, limitBytes - usedBytes)
  return [name, ...[usedBytes, limitBytes, warnBytes, left].map(shown), fullnessOf(quota)]
}

function shown(bytes: number | undefined): string {
  return bytes === undefined ? '-' : readableBytes(bytes)
}

/** Empty while there is room. */
export function fullnessOf({ usedBytes, limitBytes, warnBytes }: QuotaState): string {
  if (limitBytes !== undefined && usedBytes >= limitBytes) return 'full'
  return warnBytes !== undefined && usedBytes > warnBytes ? 'nearly full' : ''
}
