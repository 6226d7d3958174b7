import { gauge, type MetricFamily } from './family.ts'

/** A blob that this process has read in the background. */
export interface ReadBlob {
  readonly bytes: number
  readonly verdict: 'whole' | 'damaged' | 'unreadable'
}

/** How far the reading is, whichever process does it. */
export interface ScrubState {
  /** When the last whole pass ended, by the wall clock; undefined before that. */
  readonly endedAtMs: number | undefined
  /** Of the pass that is under way, or of the last one. */
  readonly bytes: number
  /** Blobs that were moved aside, and that no push has brought anew. */
  readonly missing: readonly string[]
}

/** What reading all bytes in the background has come to. */
export class ScrubMetrics {
  #bytes = 0
  readonly #blobs = { whole: 0, damaged: 0, unreadable: 0 }

  read({ bytes, verdict }: ReadBlob): void {
    this.#bytes += bytes
    this.#blobs[verdict] += 1
  }

  /** `state` is undefined before the first pass, and where there are none. */
  families(state: ScrubState | undefined): MetricFamily[] {
    if (state === undefined) return []
    const verdicts = Object.entries(this.#blobs).map(([verdict, value]) => ({ value, labels: { verdict } }))
    return [
      {
        ...{ name: 'berth_scrub_read_bytes_total', help: 'Bytes of blobs that were read and compared with their digests.' },
        ...{ type: 'counter', aggregator: 'sum', values: [{ value: this.#bytes, labels: {} }] },
      },
      {
        ...{ name: 'berth_scrub_blobs_total', help: 'Blobs that were read, by what was found.' },
        ...{ type: 'counter', aggregator: 'sum', values: verdicts },
      },
      ...stateFamilies(state),
    ]
  }
}

function stateFamilies({ endedAtMs, bytes, missing }: ScrubState): MetricFamily[] {
  const shared = (name: string, help: string, value: number) => gauge({ name, help, aggregator: 'max', value })
  return [
    ...(endedAtMs === undefined
      ? []
      : [
          shared(
            'berth_scrub_pass_timestamp_seconds',
            'When all blobs had been read last, in seconds since the epoch.',
            endedAtMs / 1000,
          ),
        ]),
    shared('berth_scrub_pass_bytes', 'Bytes that the present pass, or the last one, has read.', bytes),
    shared(
      'berth_scrub_missing_blobs',
      'Damaged blobs that were moved aside, and not pushed again; at most 20 are told apart.',
      missing.length,
    ),
  ]
}
