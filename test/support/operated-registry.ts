import { BERTH_PROGRAM } from './berth-program.ts'
import { freePort } from './free-port.ts'
import { PEER_PROGRAM } from './peer.ts'
import { BackgroundProgram, type Environment, environmentIn, poll } from './processes.ts'
import { RegistryClient } from './registry-client.ts'
import type { Dialect } from './registry-under-test.ts'
import { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 120_000
const LISTENING: Readonly<Record<Dialect, RegExp>> = {
  Berth: /msg="listening" .*url=\S+:(\d+) |"url":"[^"]+:(\d+)","storage"/,
  'registry:2': /listening on [^ ]*:(\d+)"/,
}

export interface OperatedOptions {
  /** A free one when left out, and another one after each start of its own. */
  readonly port?: number
  readonly log?: string
  /** Further sections of the configuration. */
  readonly more?: string
  readonly environment?: Environment
}

/** A registry as an operator runs it: a program of its own with a debug server, whose standard output goes to a file. */
export class OperatedRegistry implements AsyncDisposable {
  readonly folder: TemporaryFolder
  readonly client: RegistryClient
  readonly debugUrl: string
  readonly program: BackgroundProgram
  readonly #standardOutput: string

  private constructor(options: {
    readonly folder: TemporaryFolder
    readonly port: number
    readonly debugPort: number
    readonly program: BackgroundProgram
    readonly standardOutput: string
  }) {
    this.folder = options.folder
    this.client = new RegistryClient(`http://127.0.0.1:${options.port}`)
    this.debugUrl = `http://127.0.0.1:${options.debugPort}`
    this.program = options.program
    this.#standardOutput = options.standardOutput
  }

  static async start(dialect: Dialect, options: OperatedOptions = {}): Promise<OperatedRegistry> {
    const folder = new TemporaryFolder()
    const debugPort = await freePort()
    const config = await folder.file('config.yml', configOf(folder.join('data'), debugPort, options))
    const standardOutput = await folder.file('standard-output', '')
    const registry = dialect === 'Berth' ? BERTH_PROGRAM : PEER_PROGRAM
    const program = new BackgroundProgram(['sh', '-c', 'exec "$0" serve "$1" >>"$2"', registry, config, standardOutput], {
      environment: { ...environmentIn(folder.path), ...options.environment },
    })
    const [, text, json] = await program.waitForOutput(LISTENING[dialect], START_MS)
    const started = new OperatedRegistry({ folder, port: Number(text ?? json), debugPort, program, standardOutput })
    await poll('the debug server answers', START_MS, () => started.debug('/debug/health').catch(() => undefined))
    return started
  }

  /** What it has printed to standard output so far: the access log. */
  async accessLog(): Promise<string[]> {
    const text = await Bun.file(this.#standardOutput).text()
    return text.split('\n').slice(0, -1)
  }

  async debug(path: string, method = 'GET'): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`${this.debugUrl}${path}`, { method, signal: AbortSignal.timeout(60_000) })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    return { status: response.status, body: isJson ? JSON.parse(text) : text }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.stop()
    this.folder[Symbol.dispose]()
  }
}

function configOf(
  dataDirectory: string,
  debugPort: number,
  { port = 0, log = 'level: info', more = '' }: OperatedOptions,
): string {
  return `version: 0.1
log: { ${log} }
storage:
  filesystem: { rootdirectory: ${dataDirectory} }
  delete: { enabled: true }
http:
  addr: 127.0.0.1:${port}
  secret: some-secret
  debug:
    addr: 127.0.0.1:${debugPort}
    prometheus: { enabled: true }
${more}`
}
