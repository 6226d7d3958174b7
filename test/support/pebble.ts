import { makeCertificates } from './certificates.ts'
import { DnsServer } from './dns-server.ts'
import { freePort } from './free-port.ts'
import { buildGoProgram } from './go-program.ts'
import { type BackgroundProgram, environmentIn, startUntil } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 120_000
const PEBBLE = { source: 'github.com/letsencrypt/pebble/v2/cmd/pebble', version: 'v2.10.1' }

/** Let's Encrypt's test server for ACME clients. It finds every name at 127.0.0.1 and asks its questions on `challengePort`. */
export class Pebble implements AsyncDisposable {
  readonly directoryUrl: string
  /** The file with the authority of the server itself, for those who order; not the one that it signs with. */
  readonly authority: string
  readonly #program: BackgroundProgram
  readonly #dns: DnsServer
  readonly #managementUrl: string

  private constructor(program: BackgroundProgram, dns: DnsServer, ports: { api: number; management: number }, authority: string) {
    this.#program = program
    this.#dns = dns
    this.directoryUrl = `https://localhost:${ports.api}/dir`
    this.#managementUrl = `https://localhost:${ports.management}`
    this.authority = authority
  }

  /** Builds it where it is not there yet; that takes minutes. */
  static async build(): Promise<string> {
    return await buildGoProgram(PEBBLE.source, PEBBLE.version)
  }

  static async start(folder: TemporaryFolder, challengePort: number): Promise<Pebble> {
    const ports = { api: await freePort(), management: await freePort() }
    const { certificate, key: privateKey, authority } = await makeCertificates(folder, 'pebble')
    const config = {
      listenAddress: `127.0.0.1:${ports.api}`,
      managementListenAddress: `127.0.0.1:${ports.management}`,
      certificate,
      privateKey,
      httpPort: challengePort,
      tlsPort: 1,
    }
    const dns = await DnsServer.start()
    const path = await folder.file('pebble.json', JSON.stringify({ pebble: config }))
    // A part of the requests is refused with a bad nonce on purpose, as real servers do.
    const environment = { ...environmentIn(folder.join('pebble-home')), PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20' }
    const command = [await Pebble.build(), '-config', path, '-dnsserver', dns.address]
    const { program } = await startUntil(/Listening on/, START_MS, command, { environment })
    return new Pebble(program, dns, ports, authority)
  }

  get output(): string {
    return this.#program.output
  }

  /** The authority that it signs with, new for each start. */
  async root(): Promise<string> {
    return await (await fetch(`${this.#managementUrl}/roots/0`, { tls: { rejectUnauthorized: false } })).text()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop().catch(() => undefined)
    await this.#dns[Symbol.asyncDispose]()
  }
}
