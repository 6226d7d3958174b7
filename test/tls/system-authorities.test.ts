import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { BERTH_PROGRAM, BIN_BERTH } from '../support/berth-program.ts'
import { freePort } from '../support/free-port.ts'
import { describeOnStores } from '../support/object-store.ts'
import { environmentIn, poll, run, runToSuccess, startUntil } from '../support/processes.ts'
import { registryConfig } from '../support/registry-config.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const TEST_MS = 120_000

describeWith({ programs: ['unshare', 'mount'], root: true }, 'an authority that the system trusts', () => {
  describeOnStores(
    'counts for an object store',
    (store) => {
      test(
        'for each way in which Berth asks it',
        async () => {
          using folder = new TemporaryFolder()
          await using server = await ServerOfOwnAuthority.before(store().endpoint, folder)
          const config = await folder.file('config.yml', registryConfig({ ...(await store().newBucket()), endpoint: server.url }))
          const options = { environment: { ...environmentIn(folder.path), STATE_DIRECTORY: folder.join('state') } }

          const trusted = await run([...server.trustedHere, BERTH_PROGRAM, 'storage', 'check', config], options)

          expect(trusted).toMatchObject({ exitCode: 0, stdout: expect.not.stringMatching(/certificate/i) })
        },
        TEST_MS,
      )
    },
    ['versitygw'],
  )

  test.each([
    ['as bin/berth', [BIN_BERTH]],
    ['from its source', [process.execPath, MAIN]],
  ])(
    'counts for a health check, and headers of 40 KB are taken, when Berth is started %s',
    async (_, berth) => {
      using folder = new TemporaryFolder()
      using healthy = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
      await using server = await ServerOfOwnAuthority.before(healthy.url.origin, folder)
      const debug = `127.0.0.1:${await freePort()}`
      const check = `health: {http: [{uri: "${server.url}/", interval: 200ms, threshold: 1}]}\n`
      const config = await folder.file(
        'config.yml',
        `${registryConfig(folder.join('data'))}  debug: {addr: "${debug}"}\n${check}`,
      )
      const command = [...server.trustedHere, ...berth, 'serve', config]
      const { program, match } = await startUntil(/msg="?listening"? url=(\S+)/, TEST_MS, command, {
        environment: environmentIn(folder.path),
      })
      await using _running = program

      await poll('the check was made', 90_000, async () => server.connections > 2 || undefined)
      const headers = { authorization: `Bearer ${'t'.repeat(40_000)}` }
      const answer = await fetch(`${match[1]}/v2/`, { headers })

      expect(answer.status).toBe(200)
      expect(await (await fetch(`http://${debug}/debug/health`)).json()).toEqual({})
    },
    TEST_MS,
  )
})

/** Speaks TLS with a certificate of an authority that only `trustedHere` trusts, and passes on what is said. */
class ServerOfOwnAuthority implements AsyncDisposable {
  connections = 0
  readonly url: string
  /** In front of a command: a machine whose administrator has added the authority to those of the system. */
  readonly trustedHere: readonly string[]
  readonly #server: ReturnType<typeof createServer>

  private constructor(server: ReturnType<typeof createServer>, trustedHere: readonly string[]) {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    this.url = `https://localhost:${address.port}`
    this.trustedHere = trustedHere
    this.#server = server
    server.on('connection', () => {
      this.connections += 1
    })
  }

  static async before(endpoint: string, folder: TemporaryFolder): Promise<ServerOfOwnAuthority> {
    const certs = folder.join('certs')
    const make = [BERTH_PROGRAM, 'certificate', 'create', '--host', 'localhost', '--folder', certs]
    await runToSuccess(make, { environment: environmentIn(folder.path) })
    const [cert, key] = await Promise.all(['registry.crt', 'registry.key'].map((name) => Bun.file(join(certs, name)).text()))
    const { hostname, port } = new URL(endpoint)
    const server = createServer({ cert, key }, (client) => {
      const target = connect({ host: hostname, port: Number(port) })
      client.pipe(target).pipe(client)
      for (const socket of [client, target]) socket.on('error', () => [client, target].map((end) => end.destroy()))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const script = `mount --bind ${await folder.directory('system')} /etc/ssl/certs && cp ${certs}/ca.crt /etc/ssl/certs/ && exec "$@"`
    return new ServerOfOwnAuthority(server, ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
  }
}
