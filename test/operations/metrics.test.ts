import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import parse from 'parse-prometheus-text-format'
import { freePort } from '../support/free-port.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { OperatedRegistry } from '../support/operated-registry.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { BackgroundProgram, environmentIn, PROGRAM_PATH, poll, runToSuccess } from '../support/processes.ts'
import { expectStatus } from '../support/registry-client.ts'
import type { Dialect } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

describe('what was asked', () => {
  let registry: OperatedRegistry
  beforeAll(async () => {
    registry = await OperatedRegistry.start('Berth')
    await work(registry)
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  test('is counted by handler, method and status', async () => {
    const counted = await seriesOf(registry, 'registry_http_requests_total')

    expect(counted).toMatchObject({
      'base get 200': 2,
      'blob get 200': 1,
      'blob_upload post 202': 3,
      'blob_upload_chunk put 201': 3,
      'catalog get 200': 1,
      'manifest put 201': 1,
      'manifest get 200': 1,
      'manifest head 404': 1,
      'referrers get 200': 1,
      'tags get 200': 1,
    })
  })

  test('is timed and measured in registry:2 buckets, and none is in flight any more', async () => {
    const text = await metricsText(registry)

    expect(text).toMatch(/^registry_http_request_duration_seconds_bucket\{handler="manifest",method="get",le="0\.005"\} [01]$/m)
    expect(text).toMatch(/^registry_http_request_duration_seconds_bucket\{handler="manifest",method="get",le="60"\} 1$/m)
    expect(text).toMatch(/^registry_http_request_duration_seconds_count\{handler="manifest",method="get"\} 1$/m)
    expect(text).toMatch(/^registry_http_response_size_bytes_sum\{handler="blob"\} [1-9]\d+$/m)
    expect(text).toMatch(/^registry_http_request_size_bytes_bucket\{handler="manifest",le="2147483648"\} 3$/m)
    expect(text).not.toMatch(/^registry_http_in_flight_requests\{.*\} [^0]$/m)
  })

  test.each(['GetContent', 'List', 'Move', 'PutContent', 'Stat'])(
    'of the storage is timed as %s, as in registry:2',
    async (action) => {
      const count = `registry_storage_action_seconds_count{driver="filesystem",action="${action}"} `

      expect(await metricsText(registry)).toContain(count)
    },
  )
})

describe('Berth itself', () => {
  test('tells its epoch, its scan, its open work, its space, and who it is', async () => {
    await using registry = await OperatedRegistry.start('Berth')
    await registry.client.startUpload('a')

    const families = await scrape(registry)

    const value = (name: string) => Number(families.get(name)?.metrics[0]?.value)
    expect(value('berth_ready')).toBe(1)
    expect(value('berth_epoch')).toBe(1)
    expect(value('berth_uploads_open')).toBe(1)
    expect(value('berth_claims_open')).toBe(0)
    expect(value('berth_processes')).toBeGreaterThanOrEqual(1)
    expect(value('berth_storage_free_bytes')).toBeGreaterThan(value('berth_storage_reserve_bytes'))
    expect(families.get('berth_build_info')?.metrics[0]?.labels).toMatchObject({ version: expect.any(String), bun: Bun.version })
    expect(value('process_start_time_seconds')).toBeGreaterThan(1_700_000_000)
    await poll('the scan is complete', 90_000, async () => {
      const scan = (await scrape(registry)).get('berth_scan_complete')
      return scan?.metrics[0]?.value === '1' ? true : undefined
    })
  })

  test('keeps the number of series small, whatever clients ask', async () => {
    await using registry = await OperatedRegistry.start('Berth')
    for (let index = 0; index < 50; index += 1) {
      await registry.client.request('GET', `/v2/repository-${index}/tags/list?n=${index}`)
      await registry.client.request('PROPFIND', '/v2/')
    }

    const counted = await seriesOf(registry, 'registry_http_requests_total')

    expect(counted).toEqual({ 'tags get 404': 50, 'base unknown 405': 50 })
  })
})

describeWith({ programs: [PEER_PROGRAM] }, 'beside registry:2', () => {
  test('the same requests are counted under the same names and labels', async () => {
    const [berth, peer] = [await metricsOfWork('Berth'), await metricsOfWork('registry:2')]

    expect(berth.counted).toEqual(peer.counted)
    expect(berth.shapes).toEqual(peer.shapes)
  })
})

describeWith({ programs: ['promtool'] }, 'promtool', () => {
  test('finds nothing wrong with the metrics', async () => {
    await using registry = await OperatedRegistry.start('Berth')
    await work(registry)
    const text = await metricsText(registry)

    const environment = { PATH: PROGRAM_PATH }
    expect(await runToSuccess(['promtool', 'check', 'metrics'], { environment, stdin: new Blob([text]) })).toBe('')
  })
})

describeWith({ programs: ['prometheus'] }, 'Prometheus', () => {
  test('scrapes what was counted', async () => {
    await using registry = await OperatedRegistry.start('Berth')
    await work(registry)
    using folder = new TemporaryFolder()
    const port = await freePort()
    const target = new URL(registry.debugUrl).host
    const job = `{ job_name: registry, scrape_interval: 1s, static_configs: [{ targets: ['${target}'] }] }`
    const config = await folder.file('prometheus.yml', `scrape_configs: [${job}]`)
    const options = [`--storage.tsdb.path=${folder.join('data')}`, `--web.listen-address=127.0.0.1:${port}`]
    const command = ['prometheus', `--config.file=${config}`, ...options]
    await using _prometheus = new BackgroundProgram(command, { environment: environmentIn(folder.path) })

    const query = 'sum by (handler) (registry_http_requests_total{handler="manifest"})'
    const value = await poll('a scrape', 90_000, async () => await ask(port, query))

    expect(Number(value)).toBe(3)
    expect(await ask(port, 'up{job="registry"}')).toBe('1')
  })
})

/** Everything that both registries know, once or twice. */
async function work({ client }: OperatedRegistry): Promise<void> {
  const image = makeImage('metrics')
  for (const blob of blobsOf(image)) await client.pushBlob('a', blob)
  await expectStatus(await client.putManifest('a', 'latest', image.manifest), 201)
  await expectStatus(await client.getManifest('a', 'latest'), 200)
  await expectStatus(await client.headManifest('a', 'absent'), 404)
  await expectStatus(await client.getBlob('a', image.config.digest), 200)
  await expectStatus(await client.request('GET', '/v2/a/tags/list'), 200)
  await expectStatus(await client.request('GET', '/v2/_catalog'), 200)
  await expectStatus(await client.request('GET', '/v2/'), 200)
  await expectStatus(await client.request('GET', '/v2/'), 200)
  await client.request('GET', `/v2/a/referrers/${image.manifest.digest}`)
}

async function metricsOfWork(dialect: Dialect) {
  await using registry = await OperatedRegistry.start(dialect)
  await work(registry)
  const { 'referrers get 200': _referrers, ...counted } = await seriesOf(registry, 'registry_http_requests_total')
  return { counted, shapes: shapesOf(await metricsText(registry)) }
}

/** Each name with its labels, without their values: `registry_http_requests_total code,handler,method`. */
function shapesOf(text: string): string[] {
  const shapes = [...text.matchAll(/^(registry_http_\w+|registry_storage_action_\w+)\{(.*)\} /gm)].map(
    ([, name, labels = '']) => {
      return `${name} ${labels
        .replace(/="[^"]*"/g, '')
        .split(',')
        .sort()}`
    },
  )
  return [...new Set(shapes)].sort()
}

async function metricsText(registry: OperatedRegistry): Promise<string> {
  const { status, body } = await registry.debug('/metrics')
  expect(status).toBe(200)
  return String(body)
}

async function scrape(registry: OperatedRegistry) {
  return new Map(parse(await metricsText(registry)).map((family) => [family.name, family]))
}

/** `handler method code` → value. */
async function seriesOf(registry: OperatedRegistry, name: string): Promise<Record<string, number>> {
  const metrics = (await scrape(registry)).get(name)?.metrics ?? []
  return Object.fromEntries(
    metrics.map(({ labels, value }) => [`${labels?.handler} ${labels?.method} ${labels?.code}`, Number(value)]),
  )
}

/** The first value that a query gives; undefined while there is none. */
async function ask(port: number, query: string): Promise<string | undefined> {
  const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
  if (response?.ok !== true) return undefined
  const answer = (await response.json()) as { data: { result: { value: [number, string] }[] } }
  return answer.data.result[0]?.value[1]
}
