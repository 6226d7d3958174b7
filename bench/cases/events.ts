import { join } from 'node:path'
import { stringify } from 'yaml'
import { EventReceiver } from '../../test/support/event-receiver.ts'
import { freePort } from '../../test/support/free-port.ts'
import type { Bench, Lab } from '../bench.ts'
import { RegistryUnderLoad } from '../registry.ts'
import { startClients } from './image-push.ts'

const SECONDS = 4

/** The same images pushed to a registry that tells four endpoints of it, of which one takes the events, and to one that writes no event down. */
export function events(): Bench {
  const receivers: EventReceiver[] = []
  let without: RegistryUnderLoad | undefined
  return {
    name: 'events',
    title:
      'Push of images of 8 layers of 4 KB, 16 clients, with four endpoints for events (one well, one answers 500, one never, one is away) and without events',
    takesLong: true,
    contestants: ['berth'],
    figures: [
      { key: 'with', title: 'images with events', unit: '1/s', better: 'more' },
      { key: 'without', title: 'images without', unit: '1/s', better: 'more' },
      { key: 'part', title: 'of the rate without', unit: '', better: 'more', limit: 0.95 },
      { key: 'cpu', title: 'CPU with events', unit: 'ms/image', better: 'less' },
      { key: 'cpuWithout', title: 'CPU without', unit: 'ms/image', better: 'less' },
    ],
    sections: async () => stringify({ notifications: { endpoints: await endpoints(receivers) } }),
    prepare: async (registry, lab) => {
      const folder = join(lab.folder, 'without')
      without = new RegistryUnderLoad({ contestant: 'berth', folder, sections: stringify({ events: { enabled: false } }) })
      await without.start()
      await without.scanned()
      for (const each of [registry, without]) await pushTo(each, lab)
    },
    sample: async (registry, lab) => {
      if (without === undefined) return {}
      const told = await pushTo(registry, lab)
      const silent = await pushTo(without, lab)
      return { with: told.rate, without: silent.rate, part: told.rate / silent.rate, cpu: told.cpuMs, cpuWithout: silent.cpuMs }
    },
    end: async () => {
      await without?.stop()
      for (const receiver of receivers) receiver[Symbol.dispose]()
    },
  }
}

async function pushTo(registry: RegistryUnderLoad, lab: Lab): Promise<{ readonly rate: number; readonly cpuMs: number }> {
  const load = { url: registry.url, clients: 16, layers: 8, layerBytes: 4096, seconds: SECONDS, images: 3000, run: lab.unique() }
  const clients = await startClients(load)
  const before = registry.cpuSeconds()
  const { images, seconds } = await clients.run()
  return { rate: images / seconds, cpuMs: ((registry.cpuSeconds() - before) / images) * 1000 }
}

async function endpoints(receivers: EventReceiver[]) {
  receivers.push(new EventReceiver(), new EventReceiver('answers 500'), new EventReceiver('never answers'))
  const urls = [...receivers.map(({ url }) => url), `http://127.0.0.1:${await freePort()}/`]
  return urls.map((url, index) => ({ name: `endpoint-${index}`, url, ignore: { actions: ['pull'] } }))
}
