import { expect, test } from 'bun:test'
import { forgetPeak, residentBytesOf } from '../../bench/program.ts'
import { startBerth } from '../support/berth-process.ts'
import { HOSTILE_LAYERS, layerBytes } from '../support/hostile-layers.ts'
import { imageOf, untilRead } from '../support/inside-image.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const MIB = 1024 * 1024
const MOST_MIB = 64
/** A file of packages that was read may wait for the engine's next collection; the files of an image do not. */
const MOST_AFTERWARDS_MIB = 40
/** A bomb unpacks to 400 MB, which are read at little more than 1 MB a second where the machine is slow. */
const MOST_SECONDS = 500

/**
 * All of the resident memory counts, also what is a page of the program's own file: VmHWM and VmRSS of /proc/<pid>/status. A process that has read
 * nothing before compiles what reads, too. In `hostile-layers.test.ts` one process reads all of them.
 */
test.each(HOSTILE_LAYERS.map((layer) => [layer.what, layer] as const))(
  'a registry that has read nothing before takes little memory for %s',
  async (what, layer) => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({ folder, processes: 1 })
    const client = new RegistryClient(berth.url)
    const { pid } = berth.program
    const image = imageOf([layerBytes(layer)])
    for (const blob of [image.config, ...image.layers]) await client.pushBlob('hostile', blob)
    forgetPeak(pid)
    const before = residentBytesOf(pid).now

    await expectStatus(await client.putManifest('hostile', 'v1', image.manifest), 201)
    await untilRead(client, 'hostile', 'v1', 1000 * MOST_SECONDS)

    const beyond = (bytes: number) => Math.round((bytes - before) / MIB)
    const atMost = beyond(residentBytesOf(pid).peak)
    const afterwards = await poll('memory is given back', 30_000, async () => {
      const now = beyond(residentBytesOf(pid).now)
      return now < MOST_AFTERWARDS_MIB ? now : undefined
    })
    process.stderr.write(`${what}: ${atMost} MiB at most, ${afterwards} afterwards\n`)
    expect(atMost).toBeLessThan(MOST_MIB)
  },
  1000 * (MOST_SECONDS + 60),
)
