import { readFile } from 'node:fs/promises'
import { connect, type TLSSocket } from 'node:tls'
import { stringify } from 'yaml'
import { BERTH_PROGRAM } from './berth-program.ts'
import { type BackgroundProgram, type Environment, environmentIn, poll, startUntil } from './processes.ts'
import { registryConfig } from './registry-config.ts'
import { RegistryProcess, type ServeOptions } from './registry-process.ts'

const START_MS = 120_000
/** With the variable it need not begin anew to have a large file pool, which is a third of a start's processor time. */
const ONE_BEGINNING: Environment = { UV_THREADPOOL_SIZE: '64' }
const LISTENING = /msg="listening" (?:\S+ )*?url=(\S+)/
const FAULT = /level=error|level=fatal/

export interface BerthOptions extends Omit<ServeOptions, 'dataDirectory'> {
  /** Left out, `data` in the folder. */
  readonly dataDirectory?: ServeOptions['dataDirectory']
  /** The whole configuration, in the place of the usual one. */
  readonly config?: string
  /** What stands below `http.tls`. */
  readonly tls?: object
  /** Left out, one, or as many as `BERTH_TEST_PROCESSES` says: a start of two takes nearly three times the processor time. */
  readonly processes?: number
  /** Behind `berth serve config.yml`. */
  readonly words?: readonly string[]
  readonly variables?: Environment
  /** Another program, where the test is about how that starts, or the words that start one with shorter times. */
  readonly berth?: string | readonly string[]
  /** What the test does to the machine or to the registry is reported as a fault, or ends it. */
  readonly expectsFaults?: boolean
}

/** `berth serve` on a free port, as a program of its own. Several may share a folder. The caller ends it. */
export async function startBerth(options: BerthOptions): Promise<BerthProcess> {
  const { folder, umask, berth = BERTH_PROGRAM, before = [], words = [], variables = {} } = options
  const config = await folder.file(`berth/${crypto.randomUUID()}.yml`, options.config ?? configOf(options))
  const command = [...before, ...[berth].flat(), 'serve', config, ...words]
  const count = { BERTH_PROCESSES: String(options.processes ?? process.env.BERTH_TEST_PROCESSES ?? 1) }
  // What belongs to a bucket on this machine goes below the state directory.
  const own = {
    ...environmentIn(folder.join('berth')),
    STATE_DIRECTORY: folder.join('state'),
    ...(isOther(berth) ? {} : ONE_BEGINNING),
  }
  const { program, match } = await startUntil(LISTENING, START_MS, command, {
    environment: { ...own, ...variables, ...count },
    umask,
  })
  return new BerthProcess(program, { config, url: match[1] ?? '', expectsFaults: options.expectsFaults ?? false })
}

function isOther(berth: Exclude<BerthOptions['berth'], undefined>): boolean {
  return typeof berth === 'string' && berth !== BERTH_PROGRAM
}

function configOf({ folder, dataDirectory, moreConfig = '', tls, adapt = (text) => text }: BerthOptions): string {
  const section = tls === undefined ? '' : stringify({ tls }).replace(/^(?=.)/gm, '  ')
  return adapt(registryConfig(dataDirectory ?? folder.join('data'), `${section}${moreConfig}`))
}

/** `berth serve` that runs: a supervisor and its workers, or one process. */
export class BerthProcess extends RegistryProcess {
  /** The path of its configuration. */
  readonly config: string
  readonly #url: URL
  readonly #expectsFaults: boolean

  constructor(
    program: BackgroundProgram,
    started: { readonly config: string; readonly url: string; readonly expectsFaults: boolean },
  ) {
    const url = new URL(started.url)
    super(program, Number(url.port), started.expectsFaults ? undefined : FAULT)
    this.config = started.config
    this.#url = url
    this.#expectsFaults = started.expectsFaults
  }

  /** With HTTPS by the name that the certificates of tests are for. */
  override get url(): string {
    return this.#url.protocol === 'https:' ? `https://localhost:${this.port}` : this.#url.origin
  }

  /** The workers' process ids, as the kernel knows them. */
  async workers(): Promise<number[]> {
    const children = await readFile(`/proc/${this.program.pid}/task/${this.program.pid}/children`, 'utf8')
    return children
      .split(' ')
      .filter((text) => text !== '')
      .map(Number)
  }

  /** The debug server's address, where the configuration has one. */
  async debugUrl(): Promise<string> {
    const [, url = ''] = await this.program.waitForOutput(/msg="debug server listening" url=(\S+)/, START_MS)
    return url
  }

  /** A request over HTTPS that trusts the authority in that file alone. */
  async fetch(path: string, authority: string, init: BunFetchRequestInit = {}): Promise<Response> {
    const tls = { ...init.tls, ca: await readFile(authority, 'utf8') }
    return await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(120_000), ...init, tls })
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

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.#expectsFaults) await this.program.stop()
    else await super[Symbol.asyncDispose]()
  }
}

/** Resolves when a process is no more. */
export async function ended(pid: number, timeoutMs: number): Promise<void> {
  await poll(`process ${pid} ends`, timeoutMs, async () => (isRunning(pid) ? undefined : true))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
