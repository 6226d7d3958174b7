import type { ConnectionLimits } from './surplus.ts'

/** What a process has open beside its connections and the files of their requests. */
const OWN_DESCRIPTORS = 64
/** A request has a file open, or a connection to a store. */
const DESCRIPTORS_OF_CONNECTION = 2
/** A connection takes some kilobytes of memory. */
const MOST_BY_DEFAULT = 10_000
const LEAST = 16

export interface ConfiguredLimits {
  /** Of all processes together; undefined: as many as the descriptors of each allow. */
  readonly total: number | undefined
  /** Of all processes together; Infinity: no bound. */
  readonly perAddress: number
}

/**
 * The share of one of `processes` that listen at the same port: the kernel spreads connections evenly. Never so many that requests find
 * no descriptor for their files.
 */
export function limitsOfProcess(
  { total, perAddress }: ConfiguredLimits,
  { processes, descriptorLimit }: { readonly processes: number; readonly descriptorLimit: number },
): ConnectionLimits {
  const possible = Math.max(LEAST, Math.floor((descriptorLimit - OWN_DESCRIPTORS) / DESCRIPTORS_OF_CONNECTION))
  const wanted = total === undefined ? MOST_BY_DEFAULT : Math.ceil(total / processes)
  return { total: Math.min(wanted, possible), perAddress: Math.ceil(perAddress / processes) }
}
