import type { RegistryUnderLoad } from '../registry.ts'
import { spreadOf } from '../spread.ts'
import type { PreparedBlob } from './connection.ts'
import { runConnections } from './connections.ts'

export interface PulledBlob {
  readonly repository: string
  readonly blob: PreparedBlob
}

/** Medians. */
export interface PullCost {
  /** GB a second. */
  readonly rate: number
  /** Seconds of the registry's processor time for each GB. */
  readonly cpu: number
}

const CONNECTIONS = 8
const TURNS = 7

/**
 * What pulls of each blob cost, one blob after the other, so many times: the kernel spreads the connections over the processes of a registry by chance, so
 * that one pull may cost half as much again as the next of the same blob.
 */
export async function pullInTurns(
  registry: RegistryUnderLoad,
  folder: string,
  blobs: readonly PulledBlob[],
): Promise<readonly PullCost[]> {
  const all = blobs.map((blob) => ({ blob, costs: [] as PullCost[] }))
  for (let turn = 0; turn < TURNS; turn += 1) {
    const inTurn = turn % 2 === 0 ? all : all.toReversed()
    for (const { blob, costs } of inTurn) costs.push(await pull(registry, folder, blob))
  }
  return all.map(({ costs }) => ({
    rate: medianOf(costs.map(({ rate }) => rate)),
    cpu: medianOf(costs.map(({ cpu }) => cpu)),
  }))
}

async function pull(registry: RegistryUnderLoad, folder: string, { repository, blob }: PulledBlob): Promise<PullCost> {
  const { digest, size: bytes } = blob
  const job = { kind: 'download', port: registry.port, path: `/v2/${repository}/blobs/${digest}`, times: 1, bytes } as const
  const jobs = Array.from({ length: CONNECTIONS }, () => job)
  const before = registry.cpuSeconds()
  const { seconds } = await runConnections(jobs, folder)
  const gigabytes = (bytes * CONNECTIONS) / 1e9
  return { rate: gigabytes / seconds, cpu: (registry.cpuSeconds() - before) / gigabytes }
}

function medianOf(values: readonly number[]): number {
  return spreadOf(values)?.median ?? Number.NaN
}
