import type { DutyState } from '../duty-state.ts'
import type { Aggregator, MetricFamily } from './family.ts'

/** What this process knows of the background work that one process does for all. */
export function dutyFamilies(states: readonly DutyState[]): MetricFamily[] {
  const series = (value: (state: DutyState) => number | undefined) =>
    states.flatMap((state) => {
      const found = value(state)
      return found === undefined ? [] : [{ value: found, labels: { duty: state.name } }]
    })
  const family = (name: string, help: string, aggregator: Aggregator, values: MetricFamily['values']): MetricFamily[] =>
    values.length === 0 ? [] : [{ name, help, type: 'gauge', aggregator, values }]
  const held = series(({ isHeldHere }) => (isHeldHere ? 1 : 0))
  const failing = series(({ isHeldHere, hasFailed }) => (isHeldHere && hasFailed ? 1 : 0))
  const finished = series(({ finishedAtMs }) => (finishedAtMs === undefined ? undefined : finishedAtMs / 1000))
  return [
    ...family('berth_duty_held', 'Processes that do this background work: 1, or 0 while it changes hands.', 'sum', held),
    ...family('berth_duty_failing', '1 when the last run of this background work failed; it is tried again.', 'max', failing),
    ...family(
      'berth_duty_finished_timestamp_seconds',
      'When a run of this background work last ended, in seconds since the epoch.',
      'max',
      finished,
    ),
  ]
}
