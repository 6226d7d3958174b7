import { expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { CollectorMetrics } from '../../src/observe/metrics/collector-metrics.ts'
import { readCollectorNote } from '../../src/registry/collect/collector-note.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { contentOf, descriptorOf, fixedBytes } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { deleted, indexOf, one, pushImage, put } from './rows/row.ts'

setDefaultTimeout(120_000)

test('what is condemned is counted until a request asks for it or builds on it: that is counted as rescued, once', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const metrics = new CollectorMetrics()
  const onRescued = metrics.rescued.bind(metrics)
  await using berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY, onRescued })
  await berth.scan()
  const { client, registry } = berth
  const figures = async () => {
    const families = metrics.families(await registry.status.collector())
    const values = families.flatMap(({ name, values }) =>
      values.map(({ value, labels }) => [`${name.replace('berth_collector_', '')} ${labels.kind ?? ''}`.trim(), value] as const),
    )
    return Object.fromEntries(values.filter(([name]) => /^(condemned|rescued|pass_seconds)/.test(name)))
  }
  const [layer, other] = [contentOf('layer', fixedBytes(100)), contentOf('layer', fixedBytes(200))]
  for (const blob of [layer, other]) await client.pushBlob('app', blob)
  await pushImage(client, one, one.manifest.digest)
  const index = indexOf([descriptorOf(one.manifest)])
  await put(client, 'v1', index)
  const before = await figures()
  await deleted(client, index)
  await passTime(berth, DAY_MS + 1)

  await collect(berth)
  const condemned = await figures()
  for (const _ of ['asked', 'again']) await expectStatus(await client.headBlob('app', layer.digest), 200)
  await put(client, 'v1', index)
  const rescued = await figures()

  expect(before).toEqual({ 'rescued_total links': 0, 'rescued_total manifests': 0 })
  expect(condemned).toMatchObject({ 'condemned links': 2, 'condemned manifests': 1, 'rescued_total links': 0 })
  expect(condemned.pass_seconds).toBeGreaterThan(0)
  expect(rescued).toMatchObject({
    ...{ 'condemned links': 1, 'condemned manifests': 0 },
    ...{ 'rescued_total links': 1, 'rescued_total manifests': 1 },
  })
})

test('of many that are condemned the number is a few seconds old at most, and is counted once for all that ask within them', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY })
  await berth.scan()
  await berth.client.pushBlob('app', contentOf('layer', fixedBytes(100)))
  await collect(berth)
  const { metadata } = berth.opened
  await metadata.write((query) =>
    query.run(
      `WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 1500)
       INSERT INTO link (repository_id, digest, target, number, epoch, condemned_ms)
       SELECT 1, 'sha256:' || n, 'sha256:' || n, 1, 1, 5 FROM counted`,
    ),
  )
  const questions = spyOn(metadata.read, 'get')
  const linksCondemned = async () => (await berth.registry.status.collector())?.condemned.links

  const asked = await Promise.all(Array.from({ length: 20 }, linksCondemned))
  const whole = questions.mock.calls.filter(([sql, atMost]) => /link_condemned/.test(String(sql)) && atMost === 100_000)
  await metadata.write((query) => query.run('UPDATE link SET condemned_ms = NULL WHERE number = 1 AND digest > ?', 'sha256:1'))
  const few = await linksCondemned()

  expect(asked).toEqual(Array(20).fill(1500))
  expect(whole).toHaveLength(1)
  expect(few).toBe(1)
})

test('at the first pass the log says how many bytes nothing needs, and by when all of them are gone', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const collector = { ...TEST_POLICY, windowMs: HOUR_MS }
  await using berth = await BerthInProcess.start(folder.join('data'), { collector })
  await berth.scan()
  await berth.client.pushBlob('app', contentOf('layer', fixedBytes(100)))
  await passTime(berth, DAY_MS + 1)
  await berth.client.pushBlob('app', contentOf('layer', fixedBytes(200)))
  const beganMs = Date.now()

  await collect(berth)

  const told = berth.log.lines.find(({ message }) => message === 'what nothing needs, and will be collected')
  const { goneBy, ...others } = told?.fields ?? {}
  expect(others).toEqual({ links: 2, blobs: 0, bytes: 300, due: 1, stops: 'storage.maintenance.collector.enabled: false' })
  // The younger one has its grace before the window; the clock of the collector may lag by its margin.
  const goneAfterMs = Date.parse(String(goneBy)) - beganMs
  expect(goneAfterMs).toBeGreaterThanOrEqual(DAY_MS + HOUR_MS)
  expect(goneAfterMs).toBeLessThan(DAY_MS + 2 * HOUR_MS)
  expect((await readCollectorNote(berth.opened.metadata.read))?.goneByMs).toBeWithin(beganMs + DAY_MS, beganMs + 2 * DAY_MS)
})
