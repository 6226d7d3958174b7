import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { listClaimOwners } from '../../src/metadata/claims.ts'
import { ownWork } from '../../src/observe/actor.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { NoSuchDeletion, Undeletion } from '../../src/registry/deleting/undeletion.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess, metadataPath } from '../support/berth-in-process.ts'
import { triesAll } from '../support/effort.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { SteppedWork } from '../support/stepped-work.ts'
import { StoredLayout } from '../support/stored-layout.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const random = new SeededRandom(seedFor('cuts of a deletion'))
const app = parseRepositoryName('app')
const image = makeImage('app', { layers: 1 })
const TAGS = ['v1', 'latest'] as const

let folder: TemporaryFolder

beforeEach(() => {
  folder = new TemporaryFolder({ inMemory: true })
})
afterEach(() => folder[Symbol.dispose]())

const deleted = async ({ client }: BerthInProcess) =>
  await expectStatus(await client.deleteManifest('app', image.manifest.digest), 202)

async function undeleted({ registry }: BerthInProcess): Promise<void> {
  const ignored = () => undefined
  const undeletion = new Undeletion({
    ...{ records: registry.records, restoration: registry.restoration, actor: ownWork('test') },
    ...{ signal: new AbortController().signal, onRestored: ignored, onGone: ignored },
    onUnreadable: (path) => {
      throw new Error(`${path} is no record`)
    },
  })
  await undeletion.bringBack({ kind: 'repository', repository: app })
}

/** Does a work, after what comes before it, up to a change of the disk, and kills its process there. False when it had come to its end. */
async function cutAfter(changes: number, root: string, { before, work }: Works): Promise<boolean> {
  const stepped = new SteppedWork()
  const berth = await BerthInProcess.start(root, { hook: stepped.hook })
  for (const tag of TAGS) await pushImage(berth.client, image, tag)
  await before?.(berth)
  stepped.begin()
  stepped.limitChanges(changes)
  const isDone = await Promise.race([stepped.stopped().then(() => false), work(berth).then(() => true)])
  await berth.kill()
  return !isDone
}

interface Works {
  readonly before?: (berth: BerthInProcess) => Promise<unknown>
  readonly work: (berth: BerthInProcess) => Promise<unknown>
}

const WORKS: Readonly<Record<string, Works>> = {
  'a deletion': { work: deleted },
  'an undelete': { before: deleted, work: undeleted },
}

describe.each(['gone', 'kept'])('with the database %s after that', (database) => {
  test.each(Object.entries(WORKS))(
    '%s that is cut after any change of the disk can be undone, or had removed nothing',
    async (_, works) => {
      const stride = triesAll ? 1 : 2
      let cuts = triesAll ? 0 : random.below(stride)
      // In CI every other one, beginning with the first or the second.
      for (let isCut = true; isCut; cuts += stride) {
        const root = folder.join(`cut-${cuts}`)
        isCut = await cutAfter(cuts, root, works)
        if (database === 'gone') for (const end of ['', '-wal', '-shm']) rmSync(metadataPath(root) + end, { force: true })
        await using berth = await BerthInProcess.start(root)
        await berth.scan()

        await undeleted(berth).catch((error: unknown) => {
          if (!(error instanceof NoSuchDeletion)) throw error
        })

        const shown = await Promise.all(TAGS.map(async (tag) => (await berth.client.getManifest('app', tag)).status))
        expect({ cuts, shown }).toEqual({ cuts, shown: [200, 200] })
        for (const { digest } of blobsOf(image)) await expectStatus(await berth.client.getBlob('app', digest), 200)
        expect(await listClaimOwners(berth.opened.metadata.read)).toEqual([])
        expect(new StoredLayout(root).problems).toEqual([])
      }
      expect(cuts).toBeGreaterThan(5)
    },
    TEST_MS,
  )
})
