import { expect, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, collectAll, forgetGone, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { triesAll } from '../support/effort.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { type Cut, cutsOf, rebuild } from '../support/power-cut.ts'
import { RecordedRun } from '../support/recorded-run.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { StoredLayout } from '../support/stored-layout.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 600_000
const MOST_CUTS = triesAll ? Number.POSITIVE_INFINITY : 25
const seed = seedFor('power cuts while an empty repository goes')
const NAME = 'team/app'
const kept = makeImage('kept', { layers: 1 })
/** It is deleted, its repository goes, and then another process, which remembers the directories, pushes it again. */
const image = makeImage('pushed again', { layers: 1 })

test(
  'A power cut while an empty repository goes, or after it is pushed to again, loses nothing acknowledged, and leaves what registry:2 needs',
  async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    const { run, from } = await tell(folder)
    const random = new SeededRandom(seed)
    const possible = [...cutsOf(run, { from, random, everything: triesAll })]
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

/** `from`: the first moment of the removal. */
async function tell(folder: TemporaryFolder) {
  const run = new RecordedRun(folder, { syncsNames: true })
  const collecting = await run.start({ collector: TEST_POLICY })
  const serving = await run.start({ collector: TEST_POLICY })
  await push(serving.client, 'kept', kept)
  await push(serving.client, NAME, image)
  await expectStatus(await serving.client.deleteManifest(NAME, image.manifest.digest), 202)
  for (const { digest } of blobsOf(image)) await expectStatus(await serving.client.deleteBlob(NAME, digest), 202)
  await collecting.scan()
  await passTime(collecting, HOUR_MS)
  await forgetGone(collecting)
  const from = run.moments.length
  await collect(collecting)
  expect(run.moments.slice(from).some(({ step }) => step?.kind === 'remove' && step.path.endsWith(NAME))).toBe(true)
  run.acknowledge('gone')
  await push(serving.client, NAME, image)
  run.acknowledge('pushed again')
  await run.finish()
  return { run, from }
}

async function problemsAfter(run: RecordedRun, cut: Cut): Promise<readonly string[]> {
  rebuild(run, cut)
  const torn = new StoredLayout(run.root).problems
  if (torn.length > 0) return torn
  await using berth = await BerthInProcess.start(run.root, { collector: TEST_POLICY })
  const problems = await problemsWith(berth.client, cut)
  await berth.scan()
  await collectAll(berth)
  await forgetGone(berth)
  await collect(berth)
  problems.push(...(await problemsWith(berth.client, cut)).map((problem) => `after the collection: ${problem}`))
  await push(berth.client, NAME, image)
  return [...problems, ...new StoredLayout(run.root).problems]
}

async function problemsWith(client: RegistryClient, { acknowledged }: Cut): Promise<string[]> {
  const problems: string[] = []
  const expected = [['kept', kept], ...(acknowledged.has('pushed again') ? ([[NAME, image]] as const) : [])] as const
  for (const [repository, { manifest, config, layers }] of expected) {
    const { status } = await client.getManifest(repository, manifest.digest)
    if (status !== 200) problems.push(`the manifest of ${repository} answered ${status}`)
    for (const { digest } of [config, ...layers]) {
      const answer = await client.getBlob(repository, digest)
      if (answer.status !== 200) problems.push(`the blob ${digest} of ${repository} answered ${answer.status}`)
    }
  }
  return problems
}

async function push(client: RegistryClient, repository: string, pushed: Image): Promise<void> {
  for (const blob of blobsOf(pushed)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, pushed.manifest.digest, pushed.manifest), 201)
}
