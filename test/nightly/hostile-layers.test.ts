import { expect, test } from 'bun:test'
import { PacedRequests } from '../../bench/load/paced.ts'
import { forgetPeak, residentBytesOf } from '../../bench/program.ts'
import { startBerth } from '../support/berth-process.ts'
import { HOSTILE_LAYERS, layerBytes } from '../support/hostile-layers.ts'
import { imageOf, untilRead } from '../support/inside-image.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const MIB = 1024 * 1024
const MOST_MIB = 64
/** Above it, what works in the background gives way. */
const SLOW_MS = 50
/** A bomb unpacks to 400 MB, which are read at 6 MB a second where pulls are slow. */
const MOST_SECONDS = 240
const PROBE_EVERY_MS = 5
const TIMEOUT_MS = 20 * 60_000

/** What is told of each kind is in test/inside/hostile.test.ts. */
test(
  'hostile layers take little memory and time of a registry, and others are served meanwhile',
  async () => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({ folder, processes: 1 })
    const client = new RegistryClient(berth.url)
    const plain = imageOf([[{ path: 'a', bytes: 'x' }]])
    await push(client, 'plain', plain)
    await untilRead(client, 'plain', 'v1')
    const { pid } = berth.program

    const told: Record<string, { readonly mib: number; readonly p99Ms: number; readonly seconds: number }> = {}
    for (const [number, layer] of HOSTILE_LAYERS.entries()) {
      await push(client, `hostile-${number}`, imageOf([layerBytes(layer)]))
      forgetPeak(pid)
      const before = residentBytesOf(pid).now
      const accept = plain.manifest.mediaType
      const probe = new PacedRequests({
        url: berth.url,
        kinds: { manifest: ['/v2/plain/manifests/v1'] },
        everyMs: PROBE_EVERY_MS,
        accept,
      })
      const beganMs = performance.now()
      await untilRead(client, `hostile-${number}`, 'v1', 1000 * MOST_SECONDS)
      const seconds = (performance.now() - beganMs) / 1000
      const { manifest } = await probe.stop()
      const mib = (residentBytesOf(pid).peak - before) / MIB
      told[layer.what] = { mib: Math.round(mib), p99Ms: Math.round(manifest?.p99Ms ?? 0), seconds: Math.round(seconds) }
    }

    process.stderr.write(`${JSON.stringify(told, undefined, 1)}\n`)
    const tooMuch = Object.entries(told).filter(
      ([, { mib, p99Ms, seconds }]) => mib >= MOST_MIB || p99Ms >= SLOW_MS || seconds >= MOST_SECONDS,
    )
    expect(tooMuch).toEqual([])
  },
  TIMEOUT_MS,
)

async function push(client: RegistryClient, repository: string, image: ReturnType<typeof imageOf>): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, 'v1', image.manifest), 201)
}
