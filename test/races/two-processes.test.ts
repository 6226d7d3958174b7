import { describe, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { Churn } from '../support/churn.ts'
import { startFastBerth } from '../support/fast-berth.ts'
import { makeImage } from '../support/images.ts'
import { collectWithPeer } from '../support/peer.ts'
import { expectStatus } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const CLIENTS = 8
const OPERATIONS = Number(process.env.BERTH_TEST_OPERATIONS ?? (process.env.CI === 'true' ? 1500 : 400))
const TIMEOUT_MS = 5 * 60_000

describeWith({ programs: ['docker-registry'] }, 'two processes on one data directory', () => {
  test(
    `${CLIENTS} clients push, retag, mount, delete and pull through both: each sees what was acknowledged by either`,
    async () => {
      using folder = new TemporaryFolder()
      const berths = [await startFastBerth(folder), await startFastBerth(folder)]
      const churn: Churn = new Churn({
        clients: CLIENTS,
        seed: seedFor('two processes'),
        anyClient: () => churn.random.pick(berths).client,
        mayFail: () => false,
      })
      for (const { client } of berths.slice(0, 1)) await churn.fillLibrary(client)

      await churn.run(() => churn.acknowledged >= OPERATIONS || churn.problems.length > 0)
      const problems = [...churn.problems]
      for (const { client } of berths) problems.push(...(await churn.problemsWithEverything(client)))
      for (const { program } of berths) {
        problems.push(...program.output.split('\n').filter((line) => line.includes('level=error')))
        await program.stop()
      }
      const collected = await collectWithPeer(folder.join('data'), { dryRun: true, deleteUntagged: false })

      expect(problems).toEqual([])
      expect(collected.exitCode).toBe(0)
      expect(collected.eligibleManifests.size).toBe(0)
    },
    TIMEOUT_MS,
  )
})

describe('one tag', () => {
  test(
    'that many move at once through two processes ends as one of them, the same for everybody',
    async () => {
      using folder = new TemporaryFolder()
      const berths = [await startFastBerth(folder), await startFastBerth(folder)]
      const random = new SeededRandom(seedFor('one tag'))
      const images = Array.from({ length: 4 }, (_, number) => makeImage(`contender ${number}`, { layers: 1 }))
      for (const image of images) {
        for (const blob of [image.config, ...image.layers]) await berths[0]?.client.pushBlob('contended', blob)
      }

      await Promise.all(
        Array.from({ length: CLIENTS }, async () => {
          for (let push = 0; push < 12; push += 1) {
            const { client } = random.pick(berths)
            await expectStatus(await client.putManifest('contended', 'latest', random.pick(images).manifest), 201)
          }
        }),
      )
      const answers = await Promise.all(berths.map(({ client }) => client.getManifest('contended', 'latest')))
      const digests = answers.map((answer) => answer.headers.get('docker-content-digest'))
      const link = 'data/docker/registry/v2/repositories/contended/_manifests/tags/latest/current/link'
      const stored = await readFile(folder.join(link), 'utf8')
      for (const { program } of berths) await program.stop()

      expect(digests).toEqual([stored, stored])
      expect(images.map((image) => image.manifest.digest)).toContain(stored)
    },
    TIMEOUT_MS,
  )
})
