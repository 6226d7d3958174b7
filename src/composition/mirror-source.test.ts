import { expect, test } from 'bun:test'
import { FakeUpstream } from '../../test/support/fake-upstream.ts'
import { RecordedLog } from '../../test/support/recorded-log.ts'
import { RegistryMetrics } from '../observe/metrics/registry-metrics.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { mirrorSourceOf } from './mirror-source.ts'

const APP = parseRepositoryName('app')
const DIGEST = digestOf('sha256', new Uint8Array())
const NO_LIMITS = { sizeBytes: undefined, unusedMs: undefined, keep: [] }
const NOTHING = {
  scan: undefined,
  counts: undefined,
  space: undefined,
  collector: undefined,
  scrub: undefined,
  quotas: undefined,
  endpoints: undefined,
  mirrors: {
    uses: [{ mirror: 'proxy', usedBytes: 7, sizeBytes: 10 }],
    syncs: [{ mirror: 'quay', isRunning: true, wholeAtMs: 5000, failed: 2, endedEarly: true, bytes: 9 }],
  },
}
const SHOWN = { credentials: undefined, helper: undefined, authorities: undefined, httpProxy: undefined }
const STATE = { ready: true, duties: [], sent: [], ...NOTHING }

test('what a mirror does is counted by its upstream, and told where that fails again and again', async () => {
  await using server = await FakeUpstream.start((_, response) => void response.writeHead(503).end())
  const [metrics, log] = [new RegistryMetrics('filesystem', '1'), new RecordedLog()]
  const config = { url: server.url, tagsFreshMs: 0, limits: NO_LIMITS, ...SHOWN }
  const { upstream, events } = await mirrorSourceOf(config, { metrics, log })
  const counts = () =>
    metrics.families(STATE).flatMap(({ name, values }) => {
      const [first] = name.startsWith('berth_mirror_') ? values : []
      return first === undefined ? [] : [[name.slice('berth_mirror_'.length), 'value' in first && first.value, first.labels]]
    })
  const of = { upstream: server.url }

  for (let time = 0; time < 6; time += 1) {
    await upstream.findBlob(APP, DIGEST, new AbortController().signal).catch(() => undefined)
  }
  events?.fetched(100, server.url)
  events?.fetched(20, server.url)
  events?.servedStale()
  events?.evicted(3, 50)

  expect(counts()).toEqual([
    ['fetched_blobs_total', 2, of],
    ['fetched_bytes_total', 120, of],
    ['stale_total', 1, of],
    ['evicted_images_total', 3, of],
    ['evicted_bytes_total', 50, of],
    ['upstream_left_alone', 1, of],
    ['bytes', 7, { mirror: 'proxy' }],
    ['size_bytes', 10, { mirror: 'proxy' }],
    ['sync_running', 1, { mirror: 'quay' }],
    ['sync_whole_timestamp_seconds', 5, { mirror: 'quay' }],
    ['sync_failed', 3, { mirror: 'quay' }],
    ['sync_bytes', 9, { mirror: 'quay' }],
  ])
  expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
    ['warn', 'an upstream fails, it is left alone and tried again later'],
  ])
})

test('a registry without a mirror shows nothing of one', () => {
  const names = new RegistryMetrics('filesystem', '1').families(STATE).map(({ name }) => name)

  expect(names.filter((name) => name.includes('mirror'))).toEqual([])
})
