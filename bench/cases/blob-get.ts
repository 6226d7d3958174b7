import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { LargeBlobs } from '../large-blobs.ts'
import { runConnections } from '../load/connections.ts'
import type { RegistryUnderLoad } from '../registry.ts'

const GIB = 1024 ** 3
/** For each connection count: as many GETs in all that the processor time is worth reading. */
const GETS = 8

/** `pull`: one blob of 1 GiB, whose bytes the client's kernel drops. */
export function blobGet(blobBytes: number): Bench {
  const paths = new Map<RegistryUnderLoad, string>()
  return {
    name: 'get',
    title: `GET of a blob of ${blobBytes / GIB} GiB`,
    figures: [1, 4, 8].flatMap(figuresFor),
    prepare: async (registry, lab) => {
      const blob = (await LargeBlobs.make(lab.folder, blobBytes)).next()
      await runConnections([{ kind: 'upload', port: registry.port, repository: 'bench/get', blobs: [blob] }], lab.folder)
      paths.set(registry, `/v2/bench/get/blobs/${blob.digest}`)
      await sampleOn(registry, lab, { path: paths.get(registry) ?? '', bytes: blobBytes, connections: 1 })
    },
    sample: async (registry, lab) => {
      const path = paths.get(registry) ?? ''
      const samples: Sample[] = []
      for (const connections of [1, 4, 8]) samples.push(await sampleOn(registry, lab, { path, bytes: blobBytes, connections }))
      return Object.assign({}, ...samples)
    },
  }
}

interface Work {
  readonly path: string
  readonly bytes: number
  readonly connections: number
}

async function sampleOn(registry: RegistryUnderLoad, lab: Lab, { path, bytes, connections }: Work): Promise<Sample> {
  const times = Math.max(1, GETS / connections)
  const jobs = Array.from({ length: connections }, () => ({ kind: 'download', port: registry.port, path, times }) as const)
  const before = registry.cpuSeconds()
  const { seconds, cpuSeconds } = await runConnections(jobs, lab.folder)
  const gigabytes = (bytes * times * connections) / 1e9
  return {
    [`rate-${connections}`]: gigabytes / seconds,
    [`cpu-${connections}`]: (registry.cpuSeconds() - before) / gigabytes,
    [`load-${connections}`]: cpuSeconds / gigabytes,
  }
}

function figuresFor(connections: number): Figure[] {
  const on = connections === 1 ? '1 connection' : `${connections} connections`
  const hasBudget = connections !== 4
  return [
    { key: `rate-${connections}`, title: on, unit: 'GB/s', better: 'more', ...(hasBudget ? { ratio: 1.4 } : {}) },
    { key: `cpu-${connections}`, title: `${on}: CPU`, unit: 's/GB', better: 'less', ...(hasBudget ? { ratio: 0.7 } : {}) },
    { key: `load-${connections}`, title: `${on}: CPU of the generator`, unit: 's/GB', better: 'less' },
  ]
}
