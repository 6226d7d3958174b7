import type { Bench, Lab } from '../bench.ts'
import { dropBlobs, LargeBlobs } from '../large-blobs.ts'
import { openConnections } from '../load/connections.ts'
import { runWrk } from '../load/wrk.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { LayoutStore, MANIFEST_TYPE, tagName } from '../stores/layout-store.ts'

const MIB = 1024 * 1024
const PROBE_SECONDS = 4

/** 64 uploads of 200 MB at once: what the largest process of a registry keeps in memory. */
export const memory: Bench = {
  name: 'memory',
  title: 'Memory of the largest process',
  mostRounds: 1,
  figures: [
    { key: 'idle', title: 'idle', unit: 'MB', better: 'less', limit: 80 },
    { key: 'peak', title: '64 uploads of 200 MB, at most', unit: 'MB', better: 'less', limit: 150 },
    { key: 'rate', title: '64 uploads of 200 MB', unit: 'GB/s', better: 'more' },
  ],
  sample: async (registry, lab) => {
    const idle = registry.residentBytes().now
    registry.forgetPeak()
    const uploads = await openUploads(registry, lab, { connections: 64, bytes: 200e6 })
    const seconds = await uploads.run()
    return { idle: idle / 1e6, peak: registry.residentBytes().peak / 1e6, rate: (64 * 200e6) / 1e9 / seconds }
  },
}

/** A manifest asked for each 5 ms while 32 large uploads run. */
export const latency: Bench = {
  name: 'latency',
  title: 'Manifest GET while 32 uploads run',
  repeats: 3,
  figures: [
    { key: 'p99', title: 'p99', unit: 'ms', better: 'less', limit: 50 },
    { key: 'p50', title: 'median', unit: 'ms', better: 'less' },
  ],
  fill: async ({ data }) => new LayoutStore(data).writeRepository('bench/probed', 1, 1),
  sample: async (registry, lab) => {
    const uploads = await openUploads(registry, lab, { connections: 32, bytes: 256 * MIB })
    const uploaded = uploads.run()
    const probed = runWrk(
      {
        url: registry.url,
        paths: [`/v2/bench/probed/manifests/${tagName(0)}`],
        connections: 1,
        seconds: PROBE_SECONDS,
        pauseMs: 5,
        headers: { Accept: MANIFEST_TYPE },
      },
      lab.folder,
    )
    const outlasted = await Promise.race([uploaded.then(() => false), probed.then(() => true)])
    if (!outlasted) throw new Error('the uploads ended before the probe')
    await uploaded
    const { p50Ms, p99Ms } = await probed
    return { p50: p50Ms, p99: p99Ms }
  },
}

interface Uploads {
  readonly connections: number
  readonly bytes: number
}

/** `run` resolves with how long they took. What they have pushed is gone then. */
async function openUploads(registry: RegistryUnderLoad, lab: Lab, { connections, bytes }: Uploads) {
  const blobs = await LargeBlobs.make(lab.folder, bytes)
  const pushed = Array.from({ length: connections }, () => blobs.next())
  const jobs = pushed.map((blob) => {
    return { kind: 'upload', port: registry.port, repository: 'bench/uploads', blobs: [blob] } as const
  })
  const load = await openConnections(jobs, lab.folder)
  // What the registry before this one has left to be written would count as this one's.
  await Bun.spawn(['sync']).exited
  return {
    run: async () => {
      const { seconds } = await load.run()
      await dropBlobs(registry, pushed)
      return seconds
    },
  }
}
