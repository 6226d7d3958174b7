import { expect, setDefaultTimeout, test } from 'bun:test'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { imagePlaces, missing } from '../support/collected-places.ts'
import { collect, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { environmentIn, poll, runToSuccess } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(900_000)
/** `BERTH_LATEST_PUSHES=1000` for a look by hand. */
const PUSHES = Number(process.env.BERTH_LATEST_PUSHES ?? 20)
const DEBUG = 'http:\n  debug: { addr: "127.0.0.1:0", prometheus: { enabled: true } }\n'

test(`a build that pushes latest ${PUSHES} times: log, metrics, API and berth gc say what only untagged manifests hold, and garbage-collect -m frees it`, async () => {
  using folder = new TemporaryFolder()
  const data = folder.join('data')
  const builds = Array.from({ length: PUSHES }, (_, number) => makeImage(`build ${number}`, { layers: 1 }))
  const [old, kept] = [builds.slice(0, -1), builds.slice(-1)]
  const bytes = old.flatMap((build) => [build.manifest, ...blobsOf(build)]).reduce((sum, part) => sum + part.bytes.length, 0)
  const berth = await startBerth({ folder, adapt: (config) => config.replace('http:\n', DEBUG) })
  const debugUrl = await berth.debugUrl()
  const client = new RegistryClient(berth.url)
  for (const build of builds) {
    for (const blob of blobsOf(build)) await client.pushBlob('app', blob)
    await expectStatus(await client.putManifest('app', 'latest', build.manifest), 201)
  }
  const run = (...words: readonly string[]) =>
    runToSuccess([BERTH_PROGRAM, ...words, berth.config], { environment: environmentIn(folder.path), timeoutMs: 600_000 })

  {
    // The same storage, with a collector that the test runs, and a clock that it moves.
    await using collecting = await BerthInProcess.start(data, { collector: TEST_POLICY })
    await collecting.scan()
    await passTime(collecting, DAY_MS + HOUR_MS)
    await poll('the metrics have them', 60_000, async () => {
      await collect(collecting)
      const metrics = await (await fetch(`${debugUrl}/metrics`)).text()
      const has = (name: string, value: number) => metrics.includes(`berth_collector_untagged_${name} ${value}\n`)
      return (has('manifests', PUSHES - 1) && has('bytes', bytes)) || undefined
    })
    const told = collecting.log.lines.find(({ message }) => message.startsWith('manifests without a tag hold bytes'))
    const frees = 'registry garbage-collect --delete-untagged'
    expect(told?.fields).toEqual({ manifests: PUSHES - 1, bytes, frees })
    expect(await run('gc', '--status')).toContain(
      `Only ${PUSHES - 1} manifests without a tag hold ${bytes} bytes; ${frees} frees them.`,
    )
    expect(await (await client.request('GET', '/api/v1/collection')).json()).toMatchObject({
      ...{ looked: expect.any(String), waits: null, due: { links: 0 }, untagged: { manifests: PUSHES - 1, bytes, frees } },
    })
    expect(missing(data, imagePlaces('app', ...builds))).toEqual([])
  }
  await berth.stop()
  const then = Date.now() / 1000 - DAY_MS / 1000
  for (const path of await readdir(data, { recursive: true })) await utimes(join(data, path), then, then)

  const collected = await run('garbage-collect', '-q', '-m')

  const blobs = PUSHES - 1
  expect(collected).toContain(`Removed ${blobs} manifests, ${2 * blobs} links and ${3 * blobs} blobs of ${bytes} bytes.`)
  expect(missing(data, imagePlaces('app', ...old))).toEqual([...imagePlaces('app', ...old)])
  expect(missing(data, imagePlaces('app', ...kept))).toEqual([])
})
