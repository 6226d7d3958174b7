import type { Contestant, RegistryUnderLoad, Security } from './registry.ts'

/** One number that a bench gives for each contestant in each round. */
export interface Figure {
  readonly key: string
  readonly title: string
  readonly unit: string
  readonly better: 'more' | 'less'
  /** The ratio to the peer that Berth has promised: at least this where more is better, at most this where less is. */
  readonly ratio?: number
  /** What Berth has promised whatever the peer does: at least this where more is better, at most this where less is. */
  readonly limit?: number
}

/** What one round gives for one contestant: figure → value. What is left out was not measured there. */
export type Sample = Readonly<Record<string, number>>

export interface Lab {
  /** For what a bench prepares. It goes away with everything in it. */
  readonly folder: string
  /** In every name that is pushed, so that no two runs meet. */
  readonly unique: () => string
}

/** One kind of work, done by each contestant in turn in each round. */
export interface Bench {
  /** What picks it on the command line. */
  readonly name: string
  readonly title: string
  readonly figures: readonly Figure[]
  /** Not more rounds than this, where one takes long. */
  readonly mostRounds?: number
  /** So many rounds for each of the others, where the disk wanders. */
  readonly repeats?: number
  readonly contestants?: readonly Contestant[]
  /** Each contestant is filled and started when the one before has ended: what it does by itself would go on beside the others. */
  readonly runsAlone?: true
  /** Runs only when it is picked by name. */
  readonly takesLong?: true
  readonly security?: (lab: Lab) => Promise<Security>
  /** What stands below `storage` for a contestant, where that is no data directory. */
  readonly storage?: (lab: Lab, contestant: Contestant) => Promise<string | undefined>
  /** Further sections of the configuration of a contestant. */
  readonly sections?: (lab: Lab, contestant: Contestant) => Promise<string>
  /** Variables for a contestant beside those that each has. */
  readonly environment?: (lab: Lab, contestant: Contestant) => Readonly<Record<string, string>>
  /** Ends what `storage` or `sections` has begun. */
  readonly end?: () => Promise<void>
  /** Ends what several benches share, after the last one of the run. */
  readonly finish?: () => Promise<void>
  /** Fills the data directory of a contestant that does not run yet. */
  readonly fill?: (registry: RegistryUnderLoad, lab: Lab) => Promise<void>
  /** Pushes what is needed, once for each contestant, and warms it up. */
  readonly prepare?: (registry: RegistryUnderLoad, lab: Lab) => Promise<void>
  readonly sample: (registry: RegistryUnderLoad, lab: Lab) => Promise<Sample>
  /** Lines that say more of the last sample than its numbers. */
  readonly causes?: (registry: RegistryUnderLoad) => readonly string[]
}

/** One value as it was measured. */
export interface Measurement {
  readonly bench: string
  readonly figure: string
  readonly contestant: Contestant
  readonly round: number
  readonly value: number
}
