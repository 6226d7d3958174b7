import { startApp } from '../../src/composition/app.ts'
import { StartError } from '../../src/composition/start-error.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { within } from '../../src/runtime/deadline.ts'
import { freePort } from './free-port.ts'
import { PEER_3_PROGRAM, PEER_PROGRAM } from './peer.ts'
import { BackgroundProgram, type Environment, environmentIn } from './processes.ts'
import { RecordedLog } from './recorded-log.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 120_000
const POLL_MS = 20
const ENDED_MS = 5_000
const NO_OUTPUT = { write: () => undefined, end: async () => undefined }

/**
 * A configuration as somebody has it. PORT, DEBUG, DATA, SOCKET and CONFIG in it and in the variables become what the program that
 * gets them has for itself.
 */
export interface ConfigFile {
  /** Undefined: the program gets no file. */
  readonly text: string | undefined
  readonly variables: Environment
}

/** A registry that was started with a configuration: it serves, or it has refused to. */
export class ConfiguredRegistry implements AsyncDisposable {
  readonly serves: boolean
  readonly #places: Places
  readonly #stop: () => Promise<unknown>
  readonly #exited: Promise<unknown> | undefined

  constructor({ serves, places, stop = async () => undefined, exited }: ConfiguredParts) {
    this.serves = serves
    this.#places = places
    this.#stop = stop
    this.#exited = exited
  }

  /** registry:2 serves clients for a moment before its debug server finds the port taken, and ends. */
  async hasEnded(): Promise<boolean> {
    if (this.#exited === undefined) return false
    return (await within(this.#exited, ENDED_MS, 'late')) !== 'late'
  }

  async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    return await this.#places.ask(method, path, init)
  }

  /** The status of a request to the loopback address of IPv6, where it listens there. */
  async statusOverIPv6(path: string): Promise<string> {
    try {
      const response = await fetch(`http://[::1]:${this.#places.port}${path}`, { signal: AbortSignal.timeout(60_000) })
      await response.bytes()
      return `${response.status}`
    } catch {
      return 'no server'
    }
  }

  async requestDebug(path: string): Promise<Response | undefined> {
    try {
      return await fetch(`http://127.0.0.1:${this.#places.debugPort}${path}`, { signal: AbortSignal.timeout(60_000) })
    } catch {
      return undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }
}

interface ConfiguredParts {
  readonly serves: boolean
  readonly places: Places
  readonly stop?: () => Promise<unknown>
  /** Of a program of its own, when it ends. */
  readonly exited?: Promise<unknown>
}

/** In the test's process, composed as `berth serve` does it. */
export async function startConfiguredBerth(folder: TemporaryFolder, file: ConfigFile): Promise<ConfiguredRegistry> {
  const { path, variables, places } = await written(folder, file)
  try {
    const { config } = loadConfig({ path, environment: { BERTH_PROCESSES: '1', ...variables } })
    const app = await startApp(config, new RecordedLog(), { accessOutput: NO_OUTPUT })
    return new ConfiguredRegistry({ serves: true, places, stop: () => app.stop({ timeoutMs: 0 }) })
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StartError)) throw error
    return new ConfiguredRegistry({ serves: false, places })
  }
}

export async function startConfiguredPeer(folder: TemporaryFolder, file: ConfigFile): Promise<ConfiguredRegistry> {
  return await startProgram(PEER_PROGRAM, folder, file)
}

export async function startConfiguredPeer3(folder: TemporaryFolder, file: ConfigFile): Promise<ConfiguredRegistry> {
  return await startProgram(PEER_3_PROGRAM, folder, { ...file, variables: { OTEL_TRACES_EXPORTER: 'none', ...file.variables } })
}

async function startProgram(name: string, folder: TemporaryFolder, file: ConfigFile): Promise<ConfiguredRegistry> {
  const { path, variables, places } = await written(folder, file)
  const command = [name, 'serve', ...(path === undefined ? [] : [path])]
  const program = new BackgroundProgram(command, { environment: { ...environmentIn(folder.path), ...variables } })
  return new ConfiguredRegistry({
    serves: await waitForAnswer(program, places),
    places,
    stop: () => program.stop(),
    exited: program.exited,
  })
}

async function written(folder: TemporaryFolder, { text, variables }: ConfigFile) {
  const places = await choosePlaces(folder)
  const filled = Object.entries(variables).map(([name, value]) => [name, places.fill(value)] as const)
  const path = text === undefined ? undefined : await folder.file('config.yml', places.fill(text))
  return { path, variables: Object.fromEntries(filled), places }
}

interface Places {
  readonly port: number
  readonly debugPort: number
  fill(text: string): string
  ask(method: string, path: string, init?: Pick<RequestInit, 'headers' | 'body'>): Promise<Response>
}

async function choosePlaces(folder: TemporaryFolder): Promise<Places> {
  const [port, debugPort] = [await freePort(), await freePort()]
  const socket = folder.join('registry.sock')
  const words: Readonly<Record<string, string>> = {
    PORT: `${port}`,
    DEBUG: `${debugPort}`,
    DATA: await folder.directory('data'),
    SOCKET: socket,
    CONFIG: folder.join('config.yml'),
  }
  const base = { redirect: 'manual', signal: undefined } as const
  return {
    port,
    debugPort,
    fill: (text) => text.replace(/\b(PORT|DEBUG|DATA|SOCKET|CONFIG)\b/g, (word) => words[word] ?? word),
    ask: async (method, path, init = {}) => {
      const common = { ...base, method, ...init, signal: AbortSignal.timeout(60_000) }
      const overSocket = await Bun.file(socket)
        .stat()
        .then(() => true)
        .catch(() => false)
      return overSocket
        ? await fetch(`http://registry${path}`, { ...common, unix: socket })
        : await fetch(`http://127.0.0.1:${port}${path}`, common)
    },
  }
}

/** True when it answers, false when it ends instead. */
async function waitForAnswer(program: BackgroundProgram, places: Places): Promise<boolean> {
  const deadline = Date.now() + START_MS
  while (program.running) {
    try {
      await places.ask('GET', '/v2/')
      return true
    } catch (cause) {
      if (Date.now() < deadline) {
        await Bun.sleep(POLL_MS)
        continue
      }
      await program.stop()
      throw new Error(`neither serves nor ends:\n${program.output}`, { cause })
    }
  }
  await program.exited
  return false
}
