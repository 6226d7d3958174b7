import { expect, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { triesAll } from '../support/effort.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { type Cut, cutsOf, rebuild } from '../support/power-cut.ts'
import { RecordedRun } from '../support/recorded-run.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { bytesPath, filesInDirectory, unneededIn } from '../support/stored-files.ts'
import { StoredLayout } from '../support/stored-layout.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 600_000
const MOST_CUTS = triesAll ? Number.POSITIVE_INFINITY : 15
/** For what is found in the storage when the database was lost: longer than `foundMs`. */
const ROUNDS = 10
const seed = seedFor('power cuts while collecting')
const kept = makeImage('kept', { layers: 1 })
/** Its layers are removed while nothing names them, and then it is pushed. */
const image = makeImage('pushed again', { layers: 2 })

test.each([
  ['keeps nothing that was not synced itself', false],
  ['keeps the names of a synced file', true],
] as const)(
  'On a disk that %s, a power cut that takes a removal back, or a part of it, loses nothing acknowledged, and what nothing needs goes in the end',
  async (_, syncsNames) => {
    using folder = new TemporaryFolder({ inMemory: true })
    const { run, from } = await tell(folder, syncsNames)
    const random = new SeededRandom(seed)
    const possible = [...cutsOf(run, { from, random, everything: triesAll, onlyOfThisDisk: syncsNames })]
    const failures: string[] = []
    for (const cut of random.some(possible, MOST_CUTS)) {
      const problems = await problemsAfter(run, cut)
      failures.push(...problems.map((problem) => `${cut.title}: ${problem}`))
      if (failures.length > 20) break
    }

    expect(failures).toEqual([])
    expect(possible.length).toBeGreaterThan(10)
  },
  TEST_MS,
)

/** Pushes, collects, and pushes again what was collected. `from`: the first moment of the collection. */
async function tell(folder: TemporaryFolder, syncsNames: boolean) {
  const run = new RecordedRun(folder, { syncsNames })
  const berth = await run.start({ collector: TEST_POLICY })
  await push(berth.client, kept)
  for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
  await berth.scan()
  await passTime(berth, DAY_MS)
  await collect(berth)
  await passTime(berth, HOUR_MS)
  const from = run.moments.length
  await collect(berth)
  expect(await goneFrom(berth.client)).toBe(true)
  run.acknowledge('collected')
  await push(berth.client, image)
  run.acknowledge('pushed again')
  await run.finish()
  return { run, from }
}

async function problemsAfter(run: RecordedRun, cut: Cut): Promise<readonly string[]> {
  rebuild(run, cut)
  const torn = new StoredLayout(run.root).problems
  if (torn.length > 0) return torn
  await using berth = await BerthInProcess.start(run.root, { collector: TEST_POLICY })
  const images = cut.acknowledged.has('pushed again') ? [kept, image] : [kept]
  const problems = await problemsWith(berth.client, images)
  for (const { digest, bytes } of blobsOf(image)) {
    const answer = await berth.client.getBlob('app', digest)
    if (answer.status === 404) continue
    if (!Buffer.from(await answer.bytes()).equals(Buffer.from(bytes)))
      problems.push(`${digest} answered ${answer.status}, or other bytes`)
  }
  await berth.scan()
  await collectAll(berth, ROUNDS)
  problems.push(...(await problemsWith(berth.client, images)).map((problem) => `after the collection: ${problem}`))
  const stored = filesInDirectory(run.root)
  // A client that asks for a link without bytes hears 404, and the weekly scan removes it (test/races/weekly-scan.test.ts).
  const unneeded = (await unneededIn(stored)).filter((path) => stored.paths.has(bytesPath(path.split('/').at(-2) ?? '')))
  return [...problems, ...unneeded.map((path) => `${path} is left`)]
}

async function problemsWith(client: RegistryClient, images: readonly Image[]): Promise<string[]> {
  const problems: string[] = []
  for (const { manifest, config, layers } of images) {
    const { status } = await client.getManifest('app', manifest.digest)
    if (status !== 200) problems.push(`the manifest ${manifest.digest} answered ${status}`)
    for (const { digest } of [config, ...layers]) {
      const answer = await client.getBlob('app', digest)
      if (answer.status !== 200) problems.push(`the blob ${digest} answered ${answer.status}`)
    }
  }
  return problems
}

async function push(client: RegistryClient, pushed: Image): Promise<void> {
  for (const blob of blobsOf(pushed)) await client.pushBlob('app', blob)
  await expectStatus(await client.putManifest('app', pushed.manifest.digest, pushed.manifest), 201)
}

async function goneFrom(client: RegistryClient): Promise<boolean> {
  const answers = await Promise.all(blobsOf(image).map(({ digest }) => client.headBlob('app', digest)))
  return answers.every(({ status }) => status === 404)
}
