import { describe, expect, test } from 'bun:test'
import { Churn } from '../support/churn.ts'
import { Contest } from '../support/contest.ts'
import { triesAll } from '../support/effort.ts'
import { Fleet } from '../support/fleet.ts'
import { makeImage, sha256 } from '../support/images.ts'
import { collectWithPeer, PEER_PROGRAM } from '../support/peer.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { GONE, show, tagKey, wrongIn } from '../support/shown.ts'
import { StoredLayout } from '../support/stored-layout.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const CLIENTS = 8
const OPERATIONS = Number(process.env.BERTH_TEST_OPERATIONS ?? (triesAll ? 1500 : 400))
const CONTESTS = 12
const TIMEOUT_MS = 5 * 60_000

describeWith({ programs: [PEER_PROGRAM] }, 'two processes on one data directory', () => {
  test(
    `${CLIENTS} clients push, retag, mount, delete and pull through both: each sees what was acknowledged by either`,
    async () => {
      using folder = new TemporaryFolder({ inMemory: true })
      await using fleet = new Fleet(folder, 2)
      await fleet.start()
      const churn: Churn = new Churn({
        clients: CLIENTS,
        seed: seedFor('two processes'),
        anyClient: () => fleet.anyClient(churn.random),
        mayFail: () => false,
      })
      await churn.fillLibrary(fleet.anyClient(churn.random))

      await churn.run(() => churn.acknowledged >= OPERATIONS || churn.problems.length > 0)

      const problems = [...churn.problems]
      for (const client of fleet.clients) problems.push(...(await churn.problemsWithEverything(client)))
      await fleet.stop()
      const stored = new StoredLayout(fleet.dataDirectory)
      const collected = await collectWithPeer(fleet.dataDirectory, { dryRun: true, deleteUntagged: false })
      expect(problems).toEqual([])
      expect(wrongIn(stored.showing(churn.possible.keys), churn.possible.allowed)).toEqual([])
      expect([...stored.problems, ...fleet.faults]).toEqual([])
      expect(collected.exitCode).toBe(0)
      expect([...collected.eligibleBlobs].filter((digest) => churn.possible.certainManifests().has(digest))).toEqual([])
    },
    TIMEOUT_MS,
  )
})

describe('one tag that many move and delete at once through two processes', () => {
  test(
    'ends as the last of them wanted it, the same for both processes and in the storage',
    async () => {
      using folder = new TemporaryFolder({ inMemory: true })
      await using fleet = new Fleet(folder, 2)
      await fleet.start()
      const random = new SeededRandom(seedFor('one tag'))
      const images = Array.from({ length: 4 }, (_, number) => makeImage(`contender ${number}`, { layers: 1 }))
      const anyClient = () => fleet.anyClient(random)
      for (const { config, layers } of images) {
        for (const blob of [config, ...layers]) await anyClient().pushBlob('contended', blob)
      }

      for (let round = 0; round < CONTESTS; round += 1) {
        const contest = new Contest()
        const contenders = Array.from({ length: CLIENTS }, async () => {
          for (let write = 0; write < 4; write += 1) await writeOnce(contest, anyClient(), random)
        })
        await Promise.all(contenders)

        const keys = [tagKey('contended', 'latest')]
        const stored = new StoredLayout(fleet.dataDirectory)
        const answers = await Promise.all(fleet.clients.map((client) => show(client, keys)))
        const [value = ''] = stored.showing(keys).values()
        expect(stored.problems).toEqual([])
        expect(answers.map((shown) => shown.get(keys[0] ?? ''))).toEqual([value, value])
        expect([...contest.possibleWinners]).toContain(value)
      }
      await fleet.stop()
      expect(fleet.faults).toEqual([])

      async function writeOnce(contest: Contest, client: RegistryClient, chance: SeededRandom): Promise<void> {
        if (chance.chance(0.15)) return await contest.write(GONE, () => deleteTag(client))
        const { manifest } = chance.pick(images)
        await contest.write(manifest.digest, async () => {
          await expectStatus(await client.putManifest('contended', 'latest', manifest), 201)
        })
      }
    },
    TIMEOUT_MS,
  )
})

test(
  'a tag that one process moves or deletes is the new one in the very next answer of the other, which has just given the old one',
  async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    await using fleet = new Fleet(folder, 2)
    await fleet.start()
    const [one, other] = fleet.clients
    if (one === undefined || other === undefined) throw new Error('two processes were asked for')
    const images = Array.from({ length: 3 }, (_, number) => makeImage(`moved ${number}`, { layers: 1 }))
    for (const { config, layers } of images) for (const blob of [config, ...layers]) await one.pushBlob('moved', blob)

    for (let round = 0; round < 10; round += 1) {
      for (const { manifest } of images) {
        await expectStatus(await one.putManifest('moved', 'latest', manifest), 201)
        const [got, head, again] = [await pull(other, 'GET'), await pull(other, 'HEAD'), await pull(other, 'GET')]
        expect([got, head, again]).toEqual(Array.from({ length: 3 }, () => manifest.digest))
      }
      await expectStatus(await one.deleteManifest('moved', 'latest'), 202)
      expect(await pull(other, round % 2 === 0 ? 'GET' : 'HEAD')).toBe('404')
    }
    await fleet.stop()
    expect(fleet.faults).toEqual([])
  },
  TIMEOUT_MS,
)

/** The digest of what is there, by its bytes where they are sent; or the status. */
async function pull(client: RegistryClient, method: 'GET' | 'HEAD'): Promise<string> {
  const response = await client.request(method, '/v2/moved/manifests/latest')
  const bytes = await response.bytes()
  if (response.status !== 200) return String(response.status)
  return method === 'GET' ? sha256(bytes) : (response.headers.get('docker-content-digest') ?? '')
}

/** A tag that is gone already was deleted by somebody else, at some time before the answer. */
async function deleteTag(client: RegistryClient): Promise<void> {
  const response = await client.deleteManifest('contended', 'latest')
  if (response.status !== 404) await expectStatus(response, 202)
}
