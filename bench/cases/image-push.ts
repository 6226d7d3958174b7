import { join } from 'node:path'
import type { Bench, Lab } from '../bench.ts'
import type { ImageLoad, ImageReport } from '../load/image-clients.ts'
import type { RegistryUnderLoad } from '../registry.ts'

const SECONDS = 4

/** Images of 8 layers of 4 KB, pushed by 16 clients at once. */
export const imagePush: Bench = {
  name: 'images',
  title: 'Push of images of 8 layers of 4 KB, 16 clients',
  repeats: 2,
  figures: [
    { key: 'rate', title: 'images', unit: '1/s', better: 'more', ratio: 5 },
    { key: 'p50', title: 'one image, median', unit: 'ms', better: 'less' },
    { key: 'cpu', title: 'CPU', unit: 'ms/image', better: 'less' },
    { key: 'load', title: 'CPU of the generator', unit: 'ms/image', better: 'less' },
  ],
  // Programs that compile themselves while they run are measured as they are after a while.
  prepare: async (registry, lab) => {
    await (await startClients(loadOn(registry, lab))).run()
  },
  sample: async (registry, lab) => {
    const clients = await startClients(loadOn(registry, lab))
    const before = registry.cpuSeconds()
    const { images, seconds, p50Ms, cpuSeconds } = await clients.run()
    const used = registry.cpuSeconds() - before
    return { rate: images / seconds, p50: p50Ms, cpu: (used / images) * 1000, load: (cpuSeconds / images) * 1000 }
  },
}

function loadOn({ url }: RegistryUnderLoad, lab: Lab): ImageLoad {
  return { url, clients: 16, layers: 8, layerBytes: 4096, seconds: SECONDS, images: 3000, run: lab.unique() }
}

/** Resolves when the images are made. */
export async function startClients(load: ImageLoad): Promise<{ run(): Promise<ImageReport> }> {
  const ready = Promise.withResolvers<void>()
  const done = Promise.withResolvers<ImageReport>()
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '../load/image-clients.ts'), JSON.stringify(load)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    ipc: (message) => {
      if (message === 'ready') return ready.resolve()
      const report = message as ImageReport | { readonly error: string }
      if ('error' in report) done.reject(new Error(report.error))
      else done.resolve(report)
    },
    onExit: (_, code) => {
      ready.reject(new Error(`the clients ended with ${code}`))
      done.reject(new Error(`the clients ended with ${code}`))
    },
  })
  done.promise.catch(() => undefined)
  await ready.promise
  return {
    run: async () => {
      child.send('go')
      return await done.promise
    },
  }
}
