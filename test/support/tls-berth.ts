import { readFile } from 'node:fs/promises'
import { connect, type TLSSocket } from 'node:tls'
import { stringify } from 'yaml'
import { ensureCertificate, pathsIn } from '../../src/certificates/certificate-folder.ts'
import { issueClientCertificate } from '../../src/certificates/issue.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { BackgroundProgram, type Environment, environmentIn } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 60_000

/** A folder as `berth certificate create` makes it, for localhost and 127.0.0.1; gives the paths of its files. */
export async function makeCertificates(folder: TemporaryFolder, name = 'certs') {
  await ensureCertificate({ folder: folder.join(name), hosts: ['localhost', '127.0.0.1'] })
  return pathsIn(folder.join(name))
}

/** What a client shows that the authority of such a folder vouches for. */
export async function clientOf(paths: { readonly authority: string; readonly authorityKey: string }) {
  const authority = { certificate: await readFile(paths.authority, 'utf8'), key: await readFile(paths.authorityKey, 'utf8') }
  const { certificate, key } = await issueClientCertificate(authority, 'builder')
  return { cert: certificate, key }
}

export interface TlsBerthOptions {
  readonly folder: TemporaryFolder
  /** What stands below `http.tls`. */
  readonly tls?: object
  readonly variables?: Environment
  readonly words?: readonly string[]
  readonly processes?: number
  /** The one-file program, where the test is about that. */
  readonly berth?: string
}

/** `berth serve` with HTTPS on a free port. */
export class TlsBerth implements AsyncDisposable {
  readonly program: BackgroundProgram
  readonly port: number

  private constructor(program: BackgroundProgram, port: number) {
    this.program = program
    this.port = port
  }

  static async start({
    folder,
    tls = {},
    variables = {},
    words = [],
    processes = 1,
    berth = BERTH_PROGRAM,
  }: TlsBerthOptions): Promise<TlsBerth> {
    const config = await folder.file(
      'tls.yml',
      stringify({
        version: '0.1',
        storage: { filesystem: { rootdirectory: folder.join('data') }, delete: { enabled: true } },
        http: { addr: '127.0.0.1:0', tls },
      }),
    )
    const environment = { ...environmentIn(folder.join('berth')), ...variables, BERTH_PROCESSES: String(processes) }
    const program = new BackgroundProgram([berth, 'serve', config, ...words], { environment })
    try {
      const [, port] = await program.waitForOutput(/msg="listening" url=https:\/\/\S+:(\d+)/, START_MS)
      return new TlsBerth(program, Number(port))
    } catch (error) {
      await program.stop()
      throw error
    }
  }

  get url(): string {
    return `https://localhost:${this.port}`
  }

  /** A request that trusts the authority in that file alone. */
  async fetch(path: string, authority: string, init: BunFetchRequestInit = {}): Promise<Response> {
    const tls = { ...init.tls, ca: await readFile(authority, 'utf8') }
    return await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(20_000), ...init, tls })
  }

  /** The certificate that a new connection is shown. */
  async shownFingerprint(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const socket: TLSSocket = connect({ port: this.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.on('error', reject)
    return await promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.stop()
  }
}
