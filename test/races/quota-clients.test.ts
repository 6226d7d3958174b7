import { expect, test } from 'bun:test'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM, IMPATIENT_BERTH } from '../support/berth-program.ts'
import { blobsOf, contentOf, descriptorOf, type Image, jsonContent, makeImage } from '../support/images.ts'
import { describeOnRoots } from '../support/on-roots.ts'
import { environmentIn, poll, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import type { TestRoot } from '../support/test-root.ts'
import { usedIn } from '../support/used-on-disk.ts'

const CLIENTS = 16
const ROUNDS = 4
const LAYER_BYTES = 20_000
/** About half of what the clients bring. */
const LIMIT = (CLIENTS * ROUNDS * LAYER_BYTES) / 2
const TEST_MS = 180_000
const FILES_MS = 90_000

/** What one client was told of each image that it pushed. */
interface Told {
  readonly image: Image
  readonly repository: string
  readonly status: number
  readonly text: string
}

describeOnRoots('a quota', (newRoot) => {
  test(
    `${CLIENTS} clients of two processes fill a quota at once: what was acknowledged is there, the rest is refused in words, kill -9 leaves the number right, and a delete makes room`,
    async () => {
      using folder = new TemporaryFolder({ inMemory: true })
      const root = await newRoot('data')
      const dataDirectory = typeof root === 'string' ? root : root.place
      await using processes = new AsyncDisposableStack()
      const serving = { folder, dataDirectory, moreConfig: QUOTAS, berth: IMPATIENT_BERTH }
      const start = async () => processes.use(await startBerth(serving))
      const both = await Promise.all([start(), start()])
      await counted(both)

      const told = (await Promise.all(Array.from({ length: CLIENTS }, (_, client) => push(both[client % 2], client)))).flat()

      const [taken, refused] = [told.filter(({ status }) => status === 201), told.filter(({ status }) => status !== 201)]
      const client = new RegistryClient(both[0].url)
      expect(taken.length).toBeGreaterThan(0)
      expect(refused.length).toBeGreaterThan(0)
      for (const { status, text } of refused) {
        expect(status).toBe(403)
        expect(text).toMatch(
          /"code":"DENIED","message":"The quota team allows [\d.]+ kB and holds [\d.]+ [kM]B: .* berth delete .* higher limit/,
        )
      }
      for (const { repository, image } of taken) expect(await problemsOf(client, repository, image)).toEqual([])
      // The collector may just be removing what the refused pushes left.
      const used = await poll('the count is that of the storage', FILES_MS, async () => {
        const counted = await check(folder, both[0])
        return counted === (await stored(root)) ? counted : undefined
      })
      // Each of the clients may bring one layer while the others do.
      expect(used).toBeLessThanOrEqual(LIMIT + CLIENTS * (LAYER_BYTES + 2_000))

      const cut = Promise.allSettled(Array.from({ length: CLIENTS }, (_, number) => push(both[number % 2], CLIENTS + number)))
      for (const { image, repository } of taken.slice(0, taken.length / 2)) {
        expect((await client.deleteManifest(repository, image.manifest.digest)).status).toBe(202)
      }
      await both[1].kill()
      await cut
      const room = makeImage('there is room again', { layers: 1 })
      await poll('a push has room again', FILES_MS, async () => {
        return (await pushImage(client, 'team/again', room)).status === 201 ? true : undefined
      })
      expect(await problemsOf(client, 'team/again', room)).toEqual([])
      await poll('the count is that of the storage', FILES_MS, async () => {
        return (await check(folder, both[0])) === (await stored(root)) ? true : undefined
      })
    },
    TEST_MS,
  )
})

const QUOTAS = `quotas: [{name: team, repositories: ['team/**'], limit: '${LIMIT}'}]\n`

async function stored(root: TestRoot): Promise<number> {
  return await usedIn(root, (repository) => repository.startsWith('team/'))
}

/** One of the processes counts for both. */
async function counted(both: readonly BerthProcess[]): Promise<void> {
  await Promise.any(both.map(({ program }) => program.waitForOutput(/is counted for the quotas/, FILES_MS)))
}

/** The number that is kept, counted anew as well. */
async function check(folder: TemporaryFolder, { config }: BerthProcess): Promise<number> {
  const environment = { ...environmentIn(folder.path), STATE_DIRECTORY: folder.join('state') }
  const outcome = await run([BERTH_PROGRAM, 'quota', '--json', '--check', config], { environment })
  expect([outcome.exitCode, outcome.stderr]).toEqual([0, ''])
  const { usedBytes, recountedBytes } = JSON.parse(outcome.stdout)
  expect(usedBytes).toBe(recountedBytes)
  return usedBytes
}

async function push(berth: BerthProcess | undefined, number: number): Promise<readonly Told[]> {
  const client = new RegistryClient(berth?.url ?? '')
  const told: Told[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const image = imageOf(`${number} ${round}`)
    const repository = `team/${number}`
    told.push({ image, repository, ...(await pushImage(client, repository, image)) })
  }
  return told
}

/** As Docker does: blobs by PATCH without a length, then the manifest; the first refusal ends it. */
async function pushImage(client: RegistryClient, repository: string, image: Image) {
  for (const { digest, bytes } of blobsOf(image)) {
    const location = await client.startUpload(repository)
    const body = new Blob([bytes.slice()]).stream().pipeThrough(new TransformStream())
    const patched = await client.request('PATCH', location, { body })
    const text = await patched.text()
    if (patched.status !== 202) return { status: patched.status, text }
    const closed = await client.closeUpload(location, digest)
    if (closed.status !== 201) return { status: closed.status, text: await closed.text() }
  }
  const manifest = await client.putManifest(repository, image.manifest.digest, image.manifest)
  return { status: manifest.status, text: await manifest.text() }
}

/** An image with a layer of random bytes. */
function imageOf(name: string): Image {
  const { config, manifest } = makeImage(name, { layers: 1 })
  const layer = contentOf('application/vnd.oci.image.layer.v1.tar', crypto.getRandomValues(new Uint8Array(LAYER_BYTES)))
  const { mediaType } = manifest
  const content = { schemaVersion: 2, mediaType, config: descriptorOf(config), layers: [descriptorOf(layer)] }
  return { config, layers: [layer], manifest: jsonContent(mediaType, content) }
}

async function problemsOf(client: RegistryClient, repository: string, image: Image): Promise<readonly string[]> {
  const problems: string[] = []
  for (const { digest, bytes } of blobsOf(image)) {
    const got = await (await client.getBlob(repository, digest)).bytes()
    if (!Buffer.from(got).equals(Buffer.from(bytes))) problems.push(`${repository} lost ${digest}`)
  }
  const manifest = await client.getManifest(repository, image.manifest.digest)
  if (manifest.status !== 200) problems.push(`${repository} lost its manifest`)
  return problems
}
