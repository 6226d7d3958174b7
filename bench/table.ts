import type { Bench, Figure, Measurement } from './bench.ts'
import type { Contestant } from './registry.ts'
import { type Spread, shortText, spreadOf } from './spread.ts'

/** What all rounds say about one figure. */
export interface Row {
  readonly figure: Figure
  readonly peer: Spread | undefined
  readonly zot: Spread | undefined
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
    const of = (contestant: Contestant) => spreadOf([...valuesOf(own, contestant).values()])
    const ratio = ratioOf(own, 'berth')
    const spreads = { peer: of('peer'), zot: of('zot'), berth: of('berth'), single: of('berth-1') }
    return [{ figure, ...spreads, ratio, singleRatio: ratioOf(own, 'berth-1') }]
  })
}

/** Markdown, which reads as well on a terminal. zot stands beside the others where it was measured. */
export function tableOf(rows: readonly Row[]): string {
  const hasZot = rows.some(({ zot }) => zot !== undefined)
  const others = hasZot ? ['zot'] : []
  const head = ['Figure', 'docker-registry', ...others, 'Berth', 'ratio', 'Berth, one process', 'ratio', 'budget', '']
  const lines = rows.map(({ figure, peer, zot, berth, single, ratio, singleRatio }) => [
    figure.unit === '' ? figure.title : `${figure.title}, ${figure.unit}`,
    spreadText(peer),
    ...(hasZot ? [spreadText(zot)] : []),
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
  const ratios = [...valuesOf(measurements, contestant)].flatMap(([round, value]) => {
    const peer = peers.get(round)
    return peer === undefined || peer === 0 ? [] : [value / peer]
  })
  return spreadOf(ratios)
}

function spreadText(spread: Spread | undefined): string {
  if (spread === undefined) return '–'
  return `${shortText(spread.median)} (${shortText(spread.least)}–${shortText(spread.most)})`
}

function ratioText(spread: Spread | undefined): string {
  return spread === undefined ? '–' : `**${shortText(spread.median)}×** (${shortText(spread.least)}–${shortText(spread.most)})`
}

function budgetText({ better, ratio, limit, unit }: Figure): string {
  const bound = ratio === undefined ? [] : [`${better === 'more' ? '≥' : '≤'} ${ratio}×`]
  return [...bound, ...(limit === undefined ? [] : [`${better === 'more' ? '≥' : '≤'} ${limit} ${unit}`])].join(', ') || '–'
}

/** By the medians, as the budgets are meant. */
function verdictOf({ better, ratio, limit }: Figure, own: Spread | undefined, ratios: Spread | undefined): string {
  if (ratio === undefined && limit === undefined) return ''
  const keeps = (bound: number | undefined, spread: Spread | undefined) =>
    bound === undefined || (spread !== undefined && (better === 'more' ? spread.median >= bound : spread.median <= bound))
  return keeps(limit, own) && keeps(ratio, ratios) ? 'kept' : '**missed**'
}
