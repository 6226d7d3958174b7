import { FLAT_FIGURES, type FlatMeasurement } from './flat.ts'
import { type Spread, shortText, spreadOf } from './spread.ts'

/** How much the same work may cost more, or be slower, in the largest store. */
export const FLAT_BUDGET = 1.3

export interface FlatRow {
  readonly title: string
  readonly bySize: readonly (Spread | undefined)[]
  /** The worst median by that of the smallest store, above 1 where it is worse; undefined where it may differ. */
  readonly worst: number | undefined
}

export function flatRows(measurements: readonly FlatMeasurement[], sizes: readonly number[]): FlatRow[] {
  return FLAT_FIGURES.map(({ key, title, isSame }) => {
    const bySize = sizes.map((manifests) =>
      spreadOf(measurements.filter((one) => one.figure === key && one.manifests === manifests).map(({ value }) => value)),
    )
    const [smallest = 0, ...others] = bySize.map((spread) => spread?.median ?? 0)
    const worse = others.map((median) => (key.endsWith('-rate') ? smallest / median : median / smallest))
    return { title, bySize, worst: isSame ? Math.max(...worse) : undefined }
  })
}

export function flatTable(rows: readonly FlatRow[], sizes: readonly number[]): string {
  const head = [
    'Figure',
    ...sizes.map((size) => `${size.toLocaleString('en-US')} manifests`),
    `worst by smallest, ≤ ${FLAT_BUDGET}×`,
  ]
  const lines = rows.map(({ title, bySize, worst }) => [
    title,
    ...bySize.map((spread) => (spread === undefined ? '–' : shortText(spread.median))),
    worst === undefined ? '–' : `${shortText(worst)}×${worst > FLAT_BUDGET ? ' **missed**' : ''}`,
  ])
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
