import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import { startBerth } from '../support/berth-process.ts'
import { IMPATIENT_BERTH } from '../support/berth-program.ts'
import { blobBytesOnDisk } from '../support/bytes-on-disk.ts'
import { triesAll } from '../support/effort.ts'
import { FakeUpstream } from '../support/fake-upstream.ts'
import { type PatternedImage, patternedImages, servePatterned } from '../support/patterned-upstream.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const MB = 1_000_000
const PATIENCE_MS = 300_000
const CLIENTS = 16
/** Of the whole: 1 GB, of which 10 GB are pulled. */
const LIMIT = triesAll ? 1000 * MB : 25 * MB
const PULLED = 10 * LIMIT
const BLOCK = LIMIT / 250
const BLOCKS = 4

test(
  `16 clients pull ten times as much at random as a mirror may hold, from two processes, while the collector runs: it is never a tenth above its size, no pull fails, and nothing local is lost`,
  async () => {
    using folder = new TemporaryFolder()
    const images = patternedImages({ images: 120, sharedBy: 6, blockBytes: BLOCK, blocks: BLOCKS })
    await using upstream = await FakeUpstream.start(servePatterned(images))
    const moreConfig = stringify({ mirrors: [{ prefix: 'hub', url: upstream.url, size: `${LIMIT}` }] })
    await using mirror = await startBerth({ folder, moreConfig, processes: 2, berth: IMPATIENT_BERTH })
    const client = new RegistryClient(mirror.url, PATIENCE_MS)
    await poll('the storage has been read', 60_000, async () => {
      const { scan } = (await (await client.request('GET', '/readyz')).json()) as { scan?: { complete: boolean } }
      return scan?.complete || undefined
    })
    const own = images.slice(0, 3)
    for (const image of own) await push(client, image)
    const local = blobBytesOnDisk(folder.join('data'))

    let mostHeld = 0
    const watching = setInterval(() => {
      mostHeld = Math.max(mostHeld, blobBytesOnDisk(folder.join('data')) - local)
    }, 25)
    const random = new SeededRandom(seedFor('churn of a mirror'))
    let pulled = 0
    const failures: string[] = []
    const pullAtRandom = async () => {
      while (pulled < PULLED && failures.length === 0) {
        const number = random.below(images.length)
        const image = images[number]
        if (image === undefined) throw new Error('no such image')
        try {
          const bytes = await pull(client, `hub/image-${number}`, image)
          pulled += bytes
        } catch (error) {
          failures.push(`image ${number}: ${error}`)
        }
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, pullAtRandom)).finally(() => clearInterval(watching))

    const megabytes = (bytes: number) => `${(bytes / MB).toFixed(0)} MB`
    process.stderr.write(`pulled ${megabytes(pulled)} through ${megabytes(LIMIT)}, which held ${megabytes(mostHeld)} at most\n`)
    expect(failures).toEqual([])
    expect(mostHeld).toBeLessThan(1.1 * LIMIT)
    expect(mostHeld).toBeGreaterThan(0.5 * LIMIT)
    expect(mirror.program.output).toContain('a mirror let go of what was used least')
    for (const [number, image] of own.entries()) await pull(client, `mine/image-${number}`, image)
  },
  triesAll ? 1_800_000 : 600_000,
)

/** All its bytes have arrived, and are right. Gives how many. */
async function pull(client: RegistryClient, repository: string, { config, layers }: PatternedImage): Promise<number> {
  await (await expectStatus(await client.getManifest(repository, 'latest'), 200)).bytes()
  const blobs = [config, ...layers]
  const sizes = await Promise.all(
    blobs.map(async ({ digest }) => {
      const { body } = await expectStatus(await client.getBlob(repository, digest), 200)
      const hash = createHash('sha256')
      let size = 0
      for await (const part of body ?? []) {
        hash.update(part)
        size += part.length
      }
      const found = `sha256:${hash.digest('hex')}`
      if (found !== digest) throw new Error(`${size} bytes of ${found} for ${digest}`)
      return size
    }),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function push(client: RegistryClient, { manifest, config, layers }: PatternedImage): Promise<void> {
  const repository = `mine/${new TextDecoder().decode(config.bytes).match(/"number":"(\d+)"/)?.[1] ?? ''}`.replace('/', '/image-')
  for (const { digest, bytes } of [
    config,
    ...layers.map((layer) => ({ digest: layer.digest, bytes: Buffer.concat([...layer.parts()]) })),
  ])
    await client.pushBlob(repository, { digest, bytes })
  await expectStatus(await client.putManifest(repository, 'latest', manifest), 201)
}
