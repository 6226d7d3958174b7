import { expect, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, poll, runToSuccess } from '../support/processes.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const ADDRESSES = ['::1', 'fd00::5']
const SET_UP = 'busybox ip link set lo up && busybox ip address add fd00::5/64 dev lo'
/** A network in which nothing else is and every port is free, with 127.0.0.1 as a pod of an IPv6-only cluster has it, or without. */
const IN_NETWORK = ['unshare', '--net', 'sh', '-c', `${SET_UP} && exec "$@"`, 'sh']
const IN_BARE_NETWORK = [
  'unshare',
  '--net',
  'sh',
  '-c',
  `${SET_UP} && busybox ip address del 127.0.0.1/8 dev lo && exec "$@"`,
  'sh',
]

describeWith(
  { programs: ['unshare', 'nsenter', 'busybox', 'curl', PEER_PROGRAM], root: true },
  'where a machine has IPv6 alone',
  () => {
    test.each([
      ['0.0.0.0:5000', 1, 'with 127.0.0.1', IN_NETWORK],
      ['0.0.0.0:5000', 2, 'without 127.0.0.1', IN_BARE_NETWORK],
      [':5000', 1, 'without 127.0.0.1', IN_BARE_NETWORK],
      [':5000', 2, 'with 127.0.0.1', IN_NETWORK],
    ])(
      'http.addr: %s is answered on every address by %i process(es), %s',
      async (address, processes, _, before) => {
        using folder = new TemporaryFolder()
        const adapt = listeningOn(address)
        await using berth = await startBerth({ folder, dataDirectory: folder.join('data'), processes, before, adapt })

        await expectAnswers(berth, folder)
      },
      TEST_MS,
    )

    // Without 127.0.0.1 Go does not find out that a socket for IPv6 takes IPv4 as well, and listens on IPv4 alone.
    test.each(['0.0.0.0:5000', ':5000'])(
      'docker-registry answers at http.addr: %s as well',
      async (address) => {
        using folder = new TemporaryFolder()
        const adapt = listeningOn(address)
        await using peer = await startPeer({ folder, dataDirectory: folder.join('data'), before: IN_NETWORK, adapt })

        await expectAnswers(peer, folder)
      },
      TEST_MS,
    )
  },
)

function listeningOn(address: string) {
  return (config: string) => config.replace('127.0.0.1:0', `"${address}"`)
}

async function expectAnswers(registry: RegistryProcess, folder: TemporaryFolder): Promise<void> {
  const status = async (url: string, ...options: readonly string[]) => {
    const command = ['nsenter', '--target', `${registry.program.pid}`, '--net', 'curl', '--globoff', '--silent', '--show-error']
    const asked = [...command, '--output', '/dev/null', '--write-out', '%{http_code}', ...options, url]
    return await runToSuccess(asked, { environment: environmentIn(folder.join('env')) })
  }
  for (const address of ADDRESSES) {
    const at = `http://[${address}]:5000`
    await poll('it answers', TEST_MS, async () => (await status(`${at}/v2/`).catch(() => undefined)) === '200' || undefined)
    expect(await status(`${at}/v2/_catalog`)).toBe('200')
    expect(await status(`${at}/v2/app/blobs/uploads/`, '--request', 'POST')).toBe('202')
  }
}
