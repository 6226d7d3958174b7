import { expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess, type InProcessOptions } from '../support/berth-in-process.ts'
import { triesAll } from '../support/effort.ts'
import { debianLayer, dpkgStatus, imageOf, programEntry } from '../support/inside-image.ts'
import { describeOnRoots } from '../support/on-roots.ts'
import { expectStatus } from '../support/registry-client.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { SteppedWork } from '../support/stepped-work.ts'
import type { TestRoot } from '../support/test-root.ts'

setDefaultTimeout(120_000)

const BASE = debianLayer('openssl 3.0.11-1', 'bash 5.2')
const IMAGES = [
  imageOf([BASE, [programEntry('srv/app'), { path: 'etc/motd', bytes: 'hello' }]], { Entrypoint: ['/srv/app'] }),
  imageOf([BASE, [{ path: 'var/lib/dpkg/status', bytes: dpkgStatus('bash 5.3') }, { path: 'etc/.wh.os-release' }]]),
]
const READ = { readsLayers: true }
/** Before which of its writes a process is killed, picked by chance. */
const MOST_STEPS = triesAll ? Number.POSITIVE_INFINITY : 4
const random = new SeededRandom(seedFor('a reading killed'))

async function startWith(root: TestRoot, options: InProcessOptions = READ): Promise<BerthInProcess> {
  return await BerthInProcess.start(root, { ...READ, ...options })
}

async function pushAll({ client }: BerthInProcess): Promise<void> {
  for (const [at, image] of IMAGES.entries()) {
    for (const blob of [image.config, ...image.layers]) await client.pushBlob('app', blob)
    await expectStatus(await client.putManifest('app', `v${at}`, image.manifest), 201)
  }
}

async function readAll({ registry }: BerthInProcess): Promise<void> {
  await registry.insideDuty.run(new AbortController().signal)
}

/** All that is told, and how many rows are kept for it. */
async function told({ client, opened }: BerthInProcess) {
  const answers: unknown[] = []
  for (const path of [
    'inside?tag=v0',
    'packages?tag=v0',
    'files?tag=v0&path=/etc',
    'inside?tag=v1',
    'packages?tag=v1',
    'diff?from=v0&to=v1',
  ])
    answers.push(await (await expectStatus(await client.request('GET', `/api/v1/repositories/app/${path}`), 200)).json())
  const rows: Record<string, number | undefined> = {}
  for (const table of ['layer_inside', 'layer_piece', 'package', 'image_package', 'inside_gone'])
    rows[table] = (await opened.metadata.read.get<{ count: number }>(`SELECT count(*) AS count FROM ${table}`))?.count
  return { answers, rows }
}

describeOnRoots('the reading of layers', (newRoot) => {
  test('by two processes at once is kept once, and each tells the same', async () => {
    const root = await newRoot('shared')
    await using one = await startWith(root)
    await using other = await startWith(root)
    await pushAll(one)

    await Promise.all([readAll(one), readAll(other)])
    await readAll(one)

    expect(await told(other)).toEqual(await told(one))
    expect((await told(one)).rows).toMatchObject({ layer_inside: 3, inside_gone: 0 })
  })

  test('is ended by another process after a kill before each of its writes', async () => {
    const whole = new SteppedWork()
    await using undisturbed = await startWith(await newRoot('undisturbed'), { metadata: (metadata) => whole.watch(metadata) })
    await pushAll(undisturbed)
    whole.begin()
    await readAll(undisturbed)
    const { writes } = whole.length
    const expected = await told(undisturbed)
    expect(writes).toBeGreaterThan(10)

    for (const done of random.some([...Array(writes).keys()], MOST_STEPS)) {
      const root = await newRoot(`after-${done}`)
      const stepped = new SteppedWork()
      await using one = await startWith(root)
      const killed = await startWith(root, { metadata: (metadata) => stepped.watch(metadata) })
      await pushAll(one)
      stepped.begin()
      stepped.limitWrites(done)
      void readAll(killed).catch(() => undefined)
      await stepped.stopped()
      await killed.kill()

      await readAll(one)

      expect(await told(one), `killed after ${done} of ${writes} writes`).toEqual(expected)
    }
  })
})
