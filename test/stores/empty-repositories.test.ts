import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { findRepository } from '../../src/metadata/content.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { collect, HOUR_MS, passTime } from '../support/collecting.ts'
import { someOf } from '../support/effort.ts'
import {
  catalogOf,
  emptyIt,
  expectWhole,
  IMAGE,
  type Looks,
  NAME,
  OTHER,
  pushImage,
  WRITES,
} from '../support/emptied-repository.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import { HeldPair } from '../support/held-pair.ts'
import type { Content } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { expectStatus } from '../support/registry-client.ts'
import { S3Client, type S3Place } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(180_000)

/** A place at which a removal is held: a look at the bucket, to which each one comes, or a transaction, of which it begins a few. */
interface Hold {
  readonly title: string
  readonly isReached: boolean
  readonly set: (pair: HeldPair, gate: Gate) => void
}

const [LAYER = IMAGE.config] = IMAGE.layers
const PHASES = ['before', 'after'] as const
const LOOKS = ['_uploads', '_layers', '_manifests'].flatMap((below): Hold[] => {
  const isLook = (call: string) => call.startsWith('list ') && call.endsWith(`repositories/${NAME}/${below}/`)
  return PHASES.map((phase) => ({
    title: `${phase} its look at ${below}`,
    isReached: true,
    set: (pair, gate) => {
      pair.hook = holdFirst(gate, phase, isLook)
    },
  }))
})
const TRANSACTIONS = [0, 1, 2, 3, 4].flatMap((number): Hold[] =>
  PHASES.map((phase) => ({
    title: `${phase} its transaction ${number}`,
    isReached: false,
    set: (pair, gate) => pair.writes.holdAt(gate, phase, number),
  })),
)

describeOnStores(
  'an empty repository in a bucket, through two processes,',
  (store) => {
    let folder: TemporaryFolder
    let place: S3Place
    let pair: HeldPair

    beforeEach(async () => {
      folder = new TemporaryFolder({ inMemory: true })
      await begin()
    })
    afterEach(async () => {
      await pair[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    })

    /** On a bucket of their own. */
    async function begin(): Promise<void> {
      place = await store().newBucket()
      pair = await HeldPair.start(2, { place, state: folder.join(place.bucket) })
      await pushImage(pair.serving.client, 'stays', OTHER)
      await pushImage(pair.serving.client, NAME)
      await emptyIt(pair)
    }

    const row = async () => await findRepository(pair.serving.opened.metadata.read, parseRepositoryName(NAME))

    const looks = (): Looks => {
      const { client } = pair.serving
      return {
        client,
        missingDirectories: () => [],
        expectWhole: async () => await expectWhole(client),
        expectBlob: async (blob: Content = LAYER) => {
          expect(await (await expectStatus(await client.getBlob(NAME, blob.digest), 200)).bytes()).toEqual(blob.bytes)
        },
      }
    }

    /** Begins a turn of the collector, up to the gate, or to its end where it does not come there. */
    async function heldAt({ isReached, set }: Hold): Promise<{ readonly gate: Gate; readonly collected: Promise<void> }> {
      const gate = new Gate()
      set(pair, gate)
      const collected = collect(pair.collecting)
      if (isReached) await gate.reached()
      else await Promise.race([collected, gate.reached().catch(() => undefined)])
      return { gate, collected }
    }

    /** The collector removes the repository as soon as nothing is in it. */
    async function expectGone(): Promise<void> {
      await emptyIt(pair)
      await collect(pair.collecting)
      expect(await row()).toBeUndefined()
      expect(await new S3Client(place).list(`docker/registry/v2/repositories/${NAME}/`)).toEqual([])
    }

    test('loses its row, so that no list has it, and a push makes it again', async () => {
      await collect(pair.collecting)

      expect(await row()).toBeUndefined()
      expect(await catalogOf(pair.serving.client)).toEqual({ repositories: ['stays'] })
      expect(pair.collecting.log.lines.at(-1)).toMatchObject({
        message: 'collected what nothing needs',
        fields: { repositories: 1 },
      })
      await pushImage(pair.serving.client, NAME)
      await expectWhole(pair.serving.client)
      expect(await catalogOf(pair.serving.client)).toEqual({ repositories: ['stays', NAME] })
    })

    test('stays while a key is in it that no row tells of', async () => {
      await new S3Client(place).put(`docker/registry/v2/repositories/${NAME}/_layers/sha256/aa`, 'of another program')

      await collect(pair.collecting)

      expect(await row()).toMatchObject({ state: '' })
    })

    describe.each(Object.entries(WRITES))('beside %s,', (name, write) => {
      test('is whole whatever its removal had done when the request came, and goes when it is empty again', async () => {
        const gates = someOf(`gates of a removal beside ${name}`, [...LOOKS, ...TRANSACTIONS], 4)
        for (const hold of gates) {
          const { title } = hold
          const { gate, collected } = await heldAt(hold)

          const look = await write(pair.serving.client, looks())
          gate.open()
          await collected

          await look()
          expect([title, await row()]).toEqual([title, expect.objectContaining({ state: '' })])
          expect([title, await catalogOf(pair.serving.client)]).toEqual([title, expect.anything()])
          await expectGone()
          await pushImage(pair.serving.client, NAME)
          await emptyIt(pair)
        }
      })

      test('may be left by a kill at any of these places: the next process takes the request, and removes the row', async () => {
        for (const hold of someOf(`kills of a removal beside ${name}`, [...LOOKS, ...TRANSACTIONS], 1)) {
          const { title } = hold
          await heldAt(hold)
          await pair.kill(pair.collecting)

          await (await write(pair.serving.client, looks()))()

          expect([title, await row()]).toEqual([title, expect.objectContaining({ state: '' })])
          await pair.collecting.scan()
          await passTime(pair.collecting, HOUR_MS)
          await expectGone()
          await pair[Symbol.asyncDispose]()
          await begin()
        }
      })
    })
  },
  ['versitygw'],
)
