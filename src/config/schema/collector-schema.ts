import type { z } from 'zod'
import type { ConfigProblem } from '../config-error.ts'
import { exact, key, section } from './keys.ts'
import { boolean, durationMs, parsed, wholeNumber } from './values.ts'

const MINUTE_MS = 60_000
/** A client that heard of a layer by HEAD goes on to push its manifest within this time. */
const SHORTEST_WINDOW_MS = 5 * MINUTE_MS
/** A URL of the bucket that a client was sent to is good for 20 minutes. */
const SHORTEST_WINDOW_WITH_REDIRECTS_MS = 25 * MINUTE_MS
const SHORTEST_INTERVAL_MS = MINUTE_MS

const percent = parsed(
  (value) => (/^\d{1,3}$/.test(value) && Number(value) <= 100 ? Number(value) : undefined),
  'is not allowed; use a whole number from 0 to 100',
)

/** Berth's own, below a section in which registry:2 passes over what it does not know. */
export const collector = exact(
  section({
    enabled: key(boolean, { default: 'true', example: 'false', about: 'Removes what nothing needs (docs/collector.md).' }),
    grace: key(durationMs, {
      default: '24h',
      example: '72h',
      about: 'For how long no manifest must have named a layer before it may go.',
    }),
    found: key(durationMs, {
      default: '168h',
      example: '720h',
      about: 'The same for what Berth found in the storage and did not see being pushed. Not below grace.',
    }),
    window: key(durationMs, {
      default: '1h',
      example: '2h',
      about:
        'For how long it stays after the last answer that said it is there. 5m or more; 25m or more where clients are sent to the bucket.',
    }),
    interval: key(durationMs, { default: '1h', example: '6h', about: 'How often to look for what may go. 1m or more.' }),
    rate: key(wholeNumber(0), { default: '200', example: '50', about: 'The most removals in a second; 0 is no limit.' }),
    brake: key(percent, {
      default: '30',
      example: '100',
      about: 'In percent of the stored bytes: when more than that, and more than 1 GiB, would fall due at once, nothing does.',
    }),
    dryrun: key(boolean, {
      default: 'false',
      example: 'true',
      about: 'Writes to the log what would be removed, and removes nothing.',
    }),
  }),
)

/** `redirects`: clients are sent to the storage for blobs. */
export function collectorProblems(
  { grace, found, window, interval }: z.output<typeof collector>,
  { redirects }: { readonly redirects: boolean },
): ConfigProblem[] {
  const at = (name: string, message: string): ConfigProblem => ({ path: `storage.maintenance.collector.${name}`, message })
  const problems: ConfigProblem[] = []
  if (grace === 0) problems.push(at('grace', 'must be more than nothing: a layer is pushed before the manifest that names it'))
  if (found < grace) problems.push(at('found', 'is shorter than grace; write the same or more'))
  if (window < SHORTEST_WINDOW_MS) problems.push(at('window', 'is too short; write 5m or more'))
  else if (redirects && window < SHORTEST_WINDOW_WITH_REDIRECTS_MS)
    problems.push(at('window', 'is too short where clients are sent to the bucket, for up to 20 minutes; write 25m or more'))
  if (interval < SHORTEST_INTERVAL_MS) problems.push(at('interval', 'is too short; write 1m or more'))
  return problems
}
