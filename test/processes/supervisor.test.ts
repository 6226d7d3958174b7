import { describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ended, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { contentOf, fixedBytes, makeImage } from '../support/images.ts'
import { BackgroundProgram, environmentIn, poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const LOCK_HOLDER = join(import.meta.dir, '../support/life-lock-holder.ts')
/** Between two pulls of a client: the processes that start come to their turn, too. */
const PAUSE_MS = 5
const DEBUG = '  debug: {addr: "127.0.0.1:0", prometheus: {enabled: true}}\n'

describe('several processes on one port', () => {
  test('answer as one: what one was told, all of them know', async () => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({ folder, expectsFaults: true, processes: 3 })
    const images = Array.from({ length: 12 }, (_, number) => makeImage(`image-${number}`))

    await Promise.all(images.map((image, number) => pushImage(berth.url, 'many', image, `t${number}`)))
    const tags = await Promise.all(Array.from({ length: 12 }, async () => await freshJson(`${berth.url}/v2/many/tags/list`)))

    const expected = images.map((_, number) => `t${number}`).sort()
    for (const answer of tags) expect(answer).toEqual({ name: 'many', tags: expected })
    expect(await berth.workers()).toHaveLength(3)
  }, 120_000)

  test('add up their metrics, and their health is one', async () => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({ folder, expectsFaults: true, processes: 2, moreConfig: DEBUG })
    const debugUrl = await berth.debugUrl()

    for (let request = 0; request < 40; request += 1) await freshJson(`${berth.url}/v2/`)
    const metrics = await (await fetch(`${debugUrl}/metrics`)).text()
    const health = await fetch(`${debugUrl}/debug/health`)
    const ready = await fetch(`${debugUrl}/readyz`)

    expect(metrics).toMatch(/registry_http_requests_total\{handler="base",method="get",code="200"\} 40$/m)
    expect([health.status, ready.status]).toEqual([200, 200])
  }, 120_000)

  test('answer on the debug address before the public one: not ready yet', async () => {
    using folder = new TemporaryFolder()
    await using start = await holdStart(folder.join('data/berth/run'))
    const config = await folder.file('config.yml', registryConfig(folder.join('data'), DEBUG))
    const environment = { ...environmentIn(folder.join('environment')), BERTH_PROCESSES: '2' }
    await using berth = new BackgroundProgram([BERTH_PROGRAM, 'serve', config], { environment })

    const [, debugUrl = ''] = await berth.waitForOutput(/msg="debug server listening" url=(\S+)/, 90_000)

    expect((await fetch(`${debugUrl}/livez`)).status).toBe(200)
    expect((await fetch(`${debugUrl}/debug/health`)).status).toBe(200)
    expect((await fetch(`${debugUrl}/metrics`)).status).toBe(200)
    const ready = await fetch(`${debugUrl}/readyz`)
    expect([ready.status, await ready.json()]).toMatchObject([503, { waiting: { process: 'No process answers.' } }])
    expect(berth.output).not.toContain('msg="listening"')

    await start.end()
    await berth.waitForOutput(/msg="listening"/, 90_000)
    expect((await fetch(`${debugUrl}/readyz`)).status).toBe(200)
  }, 120_000)

  test('one that is killed costs only what was on its own connections, and is back', async () => {
    const backAfterMs = await backAfterKill()

    process.stderr.write(`two processes again ${backAfterMs.toFixed(0)} ms after one was killed\n`)
  }, 120_000)

  test('end by themselves when their supervisor is killed, and leave the storage to the next', async () => {
    using folder = new TemporaryFolder()
    const image = makeImage('kept')
    const berth = await startBerth({ folder, expectsFaults: true, processes: 2 })
    await pushImage(berth.url, 'kept', image, 'latest')
    const workers = await berth.workers()

    await berth.program.kill()
    for (const worker of workers) await ended(worker, 30_000)

    await using next = await startBerth({ folder, expectsFaults: true, processes: 2 })
    expect(await freshJson(`${next.url}/v2/kept/tags/list`)).toEqual({ name: 'kept', tags: ['latest'] })
  }, 120_000)

  test('start anew when the metadata database is deleted under them, and are right again', async () => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({ folder, expectsFaults: true, processes: 2 })
    const image = makeImage('kept')
    await pushImage(berth.url, 'kept', image, 'latest')
    const before = await berth.workers()

    for (const name of await readdir(folder.join('data/berth'))) {
      if (name.startsWith('metadata.db')) await Bun.file(folder.join('data/berth', name)).unlink()
    }
    for (const worker of before) await ended(worker, 30_000)
    const answer = await poll('the tag is served again', 90_000, async () => {
      const response = await fetch(`${berth.url}/v2/kept/manifests/latest`, FRESH).catch(() => undefined)
      return response?.status === 200 ? response : undefined
    })

    expect(await answer.bytes()).toEqual(image.manifest.bytes)
  }, 120_000)

  test('finish 50 pushes and pulls that are under way when asked to stop, refuse new ones, and leave nothing behind', async () => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({ folder, expectsFaults: true, processes: 2, moreConfig: '  draintimeout: 90s\n' })
    const client = new RegistryClient(berth.url)
    const large = contentOf('application/octet-stream', fixedBytes(32 * 1024 * 1024))
    await client.pushBlob('large', large)
    const uploads = await Promise.all(Array.from({ length: 25 }, () => startSlowPatch(client)))
    const pulls = await Promise.all(Array.from({ length: 25 }, () => startSlowPull(client, large.digest)))
    await poll('every upload has its file', 90_000, async () => {
      return (await readdir(folder.join('data/berth/uploads'))).length === uploads.length || undefined
    })
    const workers = await berth.workers()

    process.kill(berth.program.pid, 'SIGTERM')
    await berth.program.waitForOutput(/msg="stopping"/, 90_000)
    await poll('new requests are refused', 90_000, async () => {
      return await fetch(`${berth.url}/v2/`, FRESH).then(
        () => undefined,
        () => true,
      )
    })
    for (const upload of uploads) upload.sendRest()
    const statuses = await Promise.all(uploads.map(async ({ answer }) => (await answer).status))
    const digests = await Promise.all(pulls.map((readRest) => readRest()))

    expect(new Set(statuses)).toEqual(new Set([202]))
    expect(new Set(digests)).toEqual(new Set([large.digest]))
    expect(await berth.program.exited).toBe(0)
    for (const worker of workers) await ended(worker, 1_000)
    expect(await readdir(folder.join('data/berth/run'))).toEqual(['start.lock'])
    expect(await readdir(folder.join('data/berth/staging'))).toEqual([])
  }, 120_000)
})

/** A connection of its own, so that every process gets its share. */
const FRESH = { headers: { connection: 'close' }, keepalive: false } as const

async function freshJson(url: string): Promise<unknown> {
  return await (await fetch(url, { ...FRESH, signal: AbortSignal.timeout(60_000) })).json()
}

/** Kills one of two that serve eight clients, and gives how long it takes until there are two again. */
async function backAfterKill(): Promise<number> {
  using folder = new TemporaryFolder()
  await using berth = await startBerth({ folder, expectsFaults: true, processes: 2 })
  await pushImage(berth.url, 'kept', makeImage('kept'), 'latest')
  const before = await berth.workers()
  const stop = new AbortController()
  const pulls = Array.from({ length: 8 }, () => pullUntil(stop.signal, berth.url))

  process.kill(before[0] ?? 0, 'SIGKILL')
  const killedAt = performance.now()
  await berth.program.waitForOutput(/worker ended, starting another.*signal=SIGKILL/, 90_000)
  const after = await poll('two workers again', 90_000, async () => {
    const workers = await berth.workers()
    return workers.length === 2 && !workers.includes(before[0] ?? 0) ? workers : undefined
  })
  const backAfterMs = performance.now() - killedAt
  stop.abort()
  const outcomes = await Promise.all(pulls)

  expect(after).toContain(before[1] ?? 0)
  // Each client lost at most the one request that was on a connection to the killed process.
  for (const { failed } of outcomes) expect(failed).toBeLessThanOrEqual(2)
  expect(outcomes.reduce((sum, { answered }) => sum + answered, 0)).toBeGreaterThan(0)
  expect(await freshJson(`${berth.url}/v2/kept/tags/list`)).toEqual({ name: 'kept', tags: ['latest'] })
  return backAfterMs
}

async function pushImage(url: string, repository: string, image: ReturnType<typeof makeImage>, tag: string): Promise<void> {
  const client = new RegistryClient(url)
  for (const blob of [image.config, ...image.layers]) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, tag, image.manifest), 201)
}

async function pullUntil(signal: AbortSignal, url: string) {
  let answered = 0
  let failed = 0
  while (!signal.aborted) {
    const response = await fetch(`${url}/v2/kept/manifests/latest`).catch(() => undefined)
    await response?.bytes()
    if (response?.status === 200) answered += 1
    else failed += 1
    await Bun.sleep(PAUSE_MS)
  }
  return { answered, failed }
}

/** A PATCH whose first byte has been sent; the second follows when told. */
async function startSlowPatch(client: RegistryClient) {
  const location = await client.startUpload('slow')
  const rest = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new Uint8Array([1]))
      begun.resolve()
      await rest.promise
      controller.enqueue(new Uint8Array([2]))
      controller.close()
    },
  })
  const answer = fetch(new URL(location, client.url), { method: 'PATCH', body, headers: FRESH.headers })
  await begun.promise
  return { answer, sendRest: rest.resolve }
}

/** A pull of which the first bytes have been read; the rest, and its digest, when told. */
async function startSlowPull(client: RegistryClient, digest: string): Promise<() => Promise<string>> {
  const response = await fetch(new URL(`/v2/large/blobs/${digest}`, client.url), FRESH)
  const reader = response.body?.getReader()
  const hasher = new Bun.CryptoHasher('sha256')
  const first = await reader?.read()
  hasher.update(first?.value ?? '')
  return async () => {
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) hasher.update(next.value)
    return `sha256:${hasher.digest('hex')}`
  }
}

/** Keeps every start on a storage waiting until it ends. */
async function holdStart(runDirectory: string) {
  const holder = Bun.spawn([process.execPath, LOCK_HOLDER, runDirectory, 'start'], {
    stdin: 'pipe',
    stdout: 'pipe',
    timeout: 60_000,
  })
  await holder.stdout.getReader().read()
  const end = async () => {
    holder.kill('SIGKILL')
    await holder.exited
  }
  return { end, [Symbol.asyncDispose]: end }
}
