import { join } from 'node:path'
import { stringify } from 'yaml'
import { EventReceiver } from '../../test/support/event-receiver.ts'
import { freePort } from '../../test/support/free-port.ts'
import type { Bench, Lab } from '../bench.ts'
import { RegistryUnderLoad } from '../registry.ts'
import { startClients } from './image-push.ts'

const SECONDS = 4
const DELIVERY_MS = 5 * 60_000

/** As many as a machine of two cores is full with, and as few as leave it time for other work. */
const MANY = 16
const FEW = 2

/** The same images pushed to a registry that tells four endpoints of it, of which one takes the events, and to one that writes no event down. */
export function events(): Bench {
  const receivers: EventReceiver[] = []
  let without: RegistryUnderLoad | undefined
  let turns = 0
  return {
    name: 'events',
    title:
      'Push of images of 8 layers of 4 KB with four endpoints for events (one well, one answers 500, one never, one is away) and without events',
    takesLong: true,
    contestants: ['berth'],
    figures: [
      { key: 'with', title: `images with events, ${MANY} clients`, unit: '1/s', better: 'more' },
      { key: 'without', title: `images without, ${MANY} clients`, unit: '1/s', better: 'more' },
      { key: 'part', title: 'of the rate without', unit: '', better: 'more', limit: 0.95 },
      { key: 'cpu', title: 'CPU with events', unit: 'ms/image', better: 'less' },
      { key: 'cpuWithout', title: 'CPU without', unit: 'ms/image', better: 'less' },
      { key: 'one', title: `one image with events, ${FEW} clients, median`, unit: 'ms', better: 'less' },
      { key: 'oneWithout', title: `one image without, ${FEW} clients, median`, unit: 'ms', better: 'less' },
      { key: 'slower', title: 'of the time without', unit: '', better: 'less', limit: 1.05 },
    ],
    sections: async () => stringify({ notifications: { endpoints: await endpoints(receivers) } }),
    prepare: async (registry, lab) => {
      const folder = join(lab.folder, 'without')
      without = new RegistryUnderLoad({ contestant: 'berth', folder, sections: stringify({ events: { enabled: false } }) })
      await without.start()
      await without.scanned()
      for (const each of [registry, without]) await pushTo(each, lab, MANY)
      await delivered(receivers[0])
    },
    sample: async (registry, lab) => {
      if (without === undefined) return {}
      turns += 1
      const rivals = { told: registry, silent: without, lab, receiver: receivers[0], silentFirst: turns % 2 === 0 }
      const many = await compare({ ...rivals, clients: MANY })
      const few = await compare({ ...rivals, clients: FEW })
      return {
        ...{ with: many.told.rate, without: many.silent.rate, part: many.told.rate / many.silent.rate },
        ...{ cpu: many.told.cpuMs, cpuWithout: many.silent.cpuMs },
        ...{ one: few.told.p50Ms, oneWithout: few.silent.p50Ms, slower: few.told.p50Ms / few.silent.p50Ms },
      }
    },
    end: async () => {
      await without?.stop()
      for (const receiver of receivers) receiver[Symbol.dispose]()
    },
  }
}

interface Pushed {
  readonly rate: number
  readonly cpuMs: number
  readonly p50Ms: number
}

interface Comparison {
  readonly told: RegistryUnderLoad
  readonly silent: RegistryUnderLoad
  readonly silentFirst: boolean
  readonly clients: number
  readonly lab: Lab
  readonly receiver: EventReceiver | undefined
}

/** One after the other, and first one, then the other one first: neither always has the fuller disk. */
async function compare({
  told,
  silent,
  silentFirst,
  clients,
  lab,
  receiver,
}: Comparison): Promise<{ readonly told: Pushed; readonly silent: Pushed }> {
  const before = silentFirst ? await pushTo(silent, lab, clients) : undefined
  const ofTold = await pushTo(told, lab, clients)
  await delivered(receiver)
  return { told: ofTold, silent: before ?? (await pushTo(silent, lab, clients)) }
}

async function pushTo(registry: RegistryUnderLoad, lab: Lab, clients: number): Promise<Pushed> {
  const load = { url: registry.url, clients, layers: 8, layerBytes: 4096, seconds: SECONDS, images: 3000, run: lab.unique() }
  const started = await startClients(load)
  const before = registry.cpuSeconds()
  const { images, seconds, p50Ms } = await started.run()
  return { rate: images / seconds, cpuMs: ((registry.cpuSeconds() - before) / images) * 1000, p50Ms }
}

/** Waits until the receiver that is well has heard of everything: what is sent later is not to be paid by the other registry. */
async function delivered(receiver: EventReceiver | undefined): Promise<void> {
  const deadline = performance.now() + DELIVERY_MS
  for (let before = -1; receiver !== undefined && receiver.asked !== before; ) {
    if (performance.now() > deadline) throw new Error('the events did not all come')
    before = receiver.asked
    await Bun.sleep(1_000)
  }
}

async function endpoints(receivers: EventReceiver[]) {
  receivers.push(new EventReceiver(), new EventReceiver('answers 500'), new EventReceiver('never answers'))
  const urls = [...receivers.map(({ url }) => url), `http://127.0.0.1:${await freePort()}/`]
  return urls.map((url, index) => ({ name: `endpoint-${index}`, url, ignore: { actions: ['pull'] } }))
}
