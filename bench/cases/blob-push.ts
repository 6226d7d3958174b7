import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { dropBlobs, LargeBlobs } from '../large-blobs.ts'
import { runConnections } from '../load/connections.ts'
import type { RegistryUnderLoad } from '../registry.ts'

const GIB = 1024 ** 3

/** POST, PATCH and PUT of blobs of 1 GiB. */
export function blobPush(blobBytes: number): Bench {
  let blobs: LargeBlobs | undefined
  return {
    name: 'push',
    title: `POST, PATCH and PUT of blobs of ${blobBytes / GIB} GiB`,
    figures: [1, 4].flatMap(figuresFor),
    prepare: async (registry, lab) => {
      blobs ??= await LargeBlobs.make(lab.folder, blobBytes)
      await sampleOn(registry, lab, { blobs, connections: 1 })
    },
    sample: async (registry, lab) => {
      if (blobs === undefined) return {}
      return {
        ...(await sampleOn(registry, lab, { blobs, connections: 1 })),
        ...(await sampleOn(registry, lab, { blobs, connections: 4 })),
      }
    },
  }
}

interface Work {
  readonly blobs: LargeBlobs
  readonly connections: number
}

async function sampleOn(registry: RegistryUnderLoad, lab: Lab, { blobs, connections }: Work): Promise<Sample> {
  const pushed = Array.from({ length: connections }, () => blobs.next())
  const jobs = pushed.map((blob) => {
    return { kind: 'upload', port: registry.port, repository: 'bench/push', blobs: [blob] } as const
  })
  const before = registry.cpuSeconds()
  const { seconds, cpuSeconds } = await runConnections(jobs, lab.folder)
  const gigabytes = pushed.reduce((sum, { size }) => sum + size, 0) / 1e9
  const used = registry.cpuSeconds() - before
  await dropBlobs(registry, pushed)
  return {
    [`rate-${connections}`]: gigabytes / seconds,
    [`cpu-${connections}`]: used / gigabytes,
    [`load-${connections}`]: cpuSeconds / gigabytes,
  }
}

function figuresFor(connections: number): Figure[] {
  const on = connections === 1 ? '1 connection' : `${connections} connections`
  return [
    { key: `rate-${connections}`, title: on, unit: 'GB/s', better: 'more', ratio: 2 },
    { key: `cpu-${connections}`, title: `${on}: CPU`, unit: 's/GB', better: 'less', ratio: 0.5 },
    { key: `load-${connections}`, title: `${on}: CPU of the generator`, unit: 's/GB', better: 'less' },
  ]
}
