import type { Bench } from '../bench.ts'
import { LayoutStore } from '../stores/layout-store.ts'

const TAGS = 100_000
const REPOSITORIES = 100

/** From the start of the program to the first answer, on a store of 100,000 tags that it has seen before. */
export const start: Bench = {
  name: 'start',
  title: 'Start on 100,000 tags',
  figures: [
    { key: 'first', title: 'first 200', unit: 's', better: 'less', limit: 0.3 },
    { key: 'manifest', title: 'first manifest by tag', unit: 's', better: 'less' },
    { key: 'memory', title: 'memory after it', unit: 'MB', better: 'less' },
  ],
  fill: async ({ data }) => {
    const store = new LayoutStore(data)
    for (let number = 0; number < REPOSITORIES; number += 1) store.writeRepository(`bench/r${number}`, TAGS / REPOSITORIES, 1)
  },
  // What the fill has left to be written would count as the start's: with it a start took up to 0.46 s, and docker-registry's 0.18.
  prepare: async () => {
    await Bun.spawn(['sync']).exited
  },
  sample: async (registry) => {
    await registry.stop()
    const manifest = await registry.start('/v2/bench/r7/manifests/v00042')
    await registry.stop()
    const first = await registry.start()
    return { first, manifest, memory: registry.residentBytes().now / 1e6 }
  },
}
