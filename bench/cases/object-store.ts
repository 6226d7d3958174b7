import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { LargeBlobs } from '../large-blobs.ts'
import type { PreparedBlob } from '../load/connection.ts'
import { runConnections } from '../load/connections.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { BucketStore } from '../stores/bucket-store.ts'

const REPOSITORY = 'bench/s3'
const CONNECTIONS = 4
const MIB = 1024 ** 2

/** Blobs through a bucket: pushed in both ways that clients have, and pulled. The store takes its part of the machine in each turn. */
export function objectStore(blobBytes: number): Bench {
  let store: BucketStore | undefined
  let blobs: LargeBlobs | undefined
  return {
    name: 's3',
    title: `Blobs of ${blobBytes / MIB} MiB in a bucket of one store, ${CONNECTIONS} connections`,
    figures: [
      ...figuresFor('patched', 'push by POST, PATCH, PUT', 1.5),
      ...figuresFor('put', 'push by POST, PUT', 1.5),
      ...figuresFor('pull', 'pull', 1),
    ],
    mostRounds: 5,
    storage: async (lab, contestant) => {
      store ??= await BucketStore.start(lab.folder)
      return await store.newBucket(contestant)
    },
    end: async () => await store?.stop(),
    prepare: async (_, lab) => {
      blobs ??= await LargeBlobs.make(lab.folder, blobBytes)
    },
    sample: async (registry, lab) => {
      const content = blobs
      if (content === undefined) return {}
      const make = (): readonly PreparedBlob[] => Array.from({ length: CONNECTIONS }, () => content.next())
      const [patched, put] = [make(), make()]
      const sample = {
        ...(await push(registry, lab, { key: 'patched', blobs: patched })),
        ...(await push(registry, lab, { key: 'put', blobs: put })),
        ...(await pull(registry, lab, put)),
      }
      await dropFrom(lab, registry, [...patched, ...put])
      return sample
    },
  }
}

interface Push {
  readonly key: 'patched' | 'put'
  readonly blobs: readonly PreparedBlob[]
}

async function push(registry: RegistryUnderLoad, lab: Lab, { key, blobs }: Push): Promise<Sample> {
  const common = { kind: 'upload', port: registry.port, repository: REPOSITORY, inOnePut: key === 'put' } as const
  const jobs = blobs.map((blob) => ({ ...common, blobs: [blob] }))
  return await measured(registry, key, blobs, () => runConnections(jobs, lab.folder))
}

async function pull(registry: RegistryUnderLoad, lab: Lab, blobs: readonly PreparedBlob[]): Promise<Sample> {
  const jobs = blobs.map(({ digest }) => {
    return { kind: 'download', port: registry.port, path: `/v2/${REPOSITORY}/blobs/${digest}`, times: 1 } as const
  })
  return await measured(registry, 'pull', blobs, () => runConnections(jobs, lab.folder))
}

async function measured(
  registry: RegistryUnderLoad,
  key: string,
  blobs: readonly PreparedBlob[],
  run: () => Promise<{ readonly seconds: number }>,
): Promise<Sample> {
  const before = registry.cpuSeconds()
  const { seconds } = await run()
  const gigabytes = blobs.reduce((sum, { size }) => sum + size, 0) / 1e9
  return { [`${key}-rate`]: gigabytes / seconds, [`${key}-cpu`]: (registry.cpuSeconds() - before) / gigabytes }
}

/** Off the disk of the store: nobody asks for them any more. */
async function dropFrom(lab: Lab, { contestant }: RegistryUnderLoad, blobs: readonly PreparedBlob[]): Promise<void> {
  for (const { digest } of blobs) {
    const hex = digest.slice('sha256:'.length)
    const path = join(lab.folder, 'store', contestant, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex)
    await rm(path, { recursive: true, force: true })
  }
}

function figuresFor(key: string, title: string, ratio: number): Figure[] {
  return [
    { key: `${key}-rate`, title, unit: 'GB/s', better: 'more', ratio },
    { key: `${key}-cpu`, title: `${title}: CPU`, unit: 's/GB', better: 'less' },
  ]
}
