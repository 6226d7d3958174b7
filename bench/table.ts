import type { Bench, Figure, Measurement } from './bench.ts'
import type { Contestant } from './registry.ts'

export interface Spread {
  readonly least: number
  readonly median: number
  readonly most: number
}

/** What all rounds say about one figure. */
export interface Row {
  readonly figure: Figure
  readonly peer: Spread | undefined
  readonly berth: Spread | undefined
  readonly single: Spread | undefined
  /** Berth's value by the peer's of the same round. */
  readonly ratio: Spread | undefined
  readonly singleRatio: Spread | undefined
}

export function rowsOf(bench: Bench, measurements: readonly Measurement[]): Row[] {
  return bench.figures.flatMap((figure) => {
    const own = measurements.filter((one) => one.bench === bench.name && one.figure === figure.key)
    if (own.length === 0) return []
    const of = (contestant: Contestant) => spreadOf(valuesOf(own, contestant))
    const ratio = ratioOf(own, 'berth')
    return [{ figure, peer: of('peer'), berth: of('berth'), single: of('berth-1'), ratio, singleRatio: ratioOf(own, 'berth-1') }]
  })
}

/** Markdown, which reads as well on a terminal. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['Figure', 'docker-registry', 'Berth', 'ratio', 'Berth, one process', 'ratio', 'budget', '']
  const lines = rows.map(({ figure, peer, berth, single, ratio, singleRatio }) => [
    figure.unit === '' ? figure.title : `${figure.title}, ${figure.unit}`,
    spreadText(peer),
    spreadText(berth),
    ratioText(ratio),
    spreadText(single),
    ratioText(singleRatio),
    budgetText(figure),
    verdictOf(figure, berth ?? single, ratio ?? singleRatio),
  ])
  const widths = head.map((title, column) => Math.max(...[head, ...lines].map((line) => [...(line[column] ?? title)].length), 3))
  const format = (line: readonly string[]) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [format(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.map(format)].join('\n')
}

function valuesOf(measurements: readonly Measurement[], contestant: Contestant): Map<number, number> {
  return new Map(measurements.filter((one) => one.contestant === contestant).map(({ round, value }) => [round, value]))
}

function ratioOf(measurements: readonly Measurement[], contestant: Contestant): Spread | undefined {
  const peers = valuesOf(measurements, 'peer')
  const ratios = [...valuesOf(measurements, contestant)].flatMap(([round, value]): [number, number][] => {
    const peer = peers.get(round)
    return peer === undefined || peer === 0 ? [] : [[round, value / peer]]
  })
  return spreadOf(new Map(ratios))
}

function spreadOf(values: ReadonlyMap<number, number>): Spread | undefined {
  const sorted = [...values.values()].sort((a, b) => a - b)
  const [least, most] = [sorted[0], sorted.at(-1)]
  if (least === undefined || most === undefined) return undefined
  const middle = sorted.length / 2
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
  return { least, median, most }
}

function spreadText(spread: Spread | undefined): string {
  if (spread === undefined) return '–'
  return `${short(spread.median)} (${short(spread.least)}–${short(spread.most)})`
}

function ratioText(spread: Spread | undefined): string {
  return spread === undefined ? '–' : `**${short(spread.median)}×** (${short(spread.least)}–${short(spread.most)})`
}

function budgetText({ better, ratio, limit, unit }: Figure): string {
  const bound = ratio === undefined ? [] : [`${better === 'more' ? '≥' : '≤'} ${ratio}×`]
  return [...bound, ...(limit === undefined ? [] : [`≤ ${limit} ${unit}`])].join(', ') || '–'
}

/** By the medians, as the budgets are meant. */
function verdictOf({ better, ratio, limit }: Figure, own: Spread | undefined, ratios: Spread | undefined): string {
  if (ratio === undefined && limit === undefined) return ''
  const isWithinLimit = limit === undefined || (own !== undefined && own.median <= limit)
  const isRatioKept =
    ratio === undefined || (ratios !== undefined && (better === 'more' ? ratios.median >= ratio : ratios.median <= ratio))
  return isWithinLimit && isRatioKept ? 'kept' : '**missed**'
}

function short(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(value >= 100 ? 3 : 2)))
}
