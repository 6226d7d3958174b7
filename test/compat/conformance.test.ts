import { expect, setDefaultTimeout, test } from 'bun:test'
import { someOf } from '../support/effort.ts'
import { Peers } from '../support/peer-differences.ts'
import { postgresPrograms } from '../support/postgres-server.ts'
import { environmentIn, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 300_000
setDefaultTimeout(TEST_MS)

const CONFORMANCE_PROGRAM = 'oci-conformance'
const REGISTRIES = ['Berth', 'Berth on a bucket', 'three Berths behind nginx'] as const
const PROGRAMS = [CONFORMANCE_PROGRAM, 'versitygw', 'nginx', `${postgresPrograms() ?? ''}/postgres`]

describeWith({ programs: PROGRAMS }, 'The conformance program of the distribution-spec', () => {
  // Each run asks one of them.
  test.each(someOf('registries that conform', REGISTRIES, 1))('finds no fault with %s in all that 1.1+dev has', async (name) => {
    using folder = new TemporaryFolder()
    await using peers = await Peers.start([name])
    const outcomes = await peers.each(async (url) => {
      const environment = {
        ...environmentIn(folder.path),
        OCI_REGISTRY: new URL(url).host,
        OCI_TLS: 'disabled',
        OCI_VERSION: 'dev',
        OCI_REPO1: 'conformance/one',
        OCI_REPO2: 'conformance/two',
        OCI_RESULTS_DIR: folder.join('results'),
      }
      return await run([CONFORMANCE_PROGRAM], { environment, timeoutMs: TEST_MS })
    })

    expect(countsIn(outcomes[name]?.stdout ?? '')).toEqual({ Disabled: 0, Skip: 0, Pass: 986, FAIL: 0, Error: 0, Total: 986 })
    expect(outcomes[name]?.exitCode).toBe(0)
  })
})

/** The table that it ends with. */
function countsIn(output: string): Readonly<Record<string, number>> {
  return Object.fromEntries([...output.matchAll(/^ {2}(\w+)\.+: +(\d+)$/gm)].map(([, name, count]) => [name, Number(count)]))
}
