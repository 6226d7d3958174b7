import { join } from 'node:path'
import { BERTH_PROGRAM, BIN_BERTH } from './berth-program.ts'
import { freePort } from './free-port.ts'
import { PEER_PROGRAM } from './peer.ts'
import { BackgroundProgram, type Environment, environmentIn } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** Not bin/berth: a shell drops the variables that no shell can name, as REGISTRY_HTTP_HEADERS_X-TEST. */
const BERTH =
  BERTH_PROGRAM === BIN_BERTH
    ? [process.execPath, '--config=/dev/null', '--no-env-file', '--no-install', join(import.meta.dir, '../../src/main.ts')]
    : [BERTH_PROGRAM]
const START_MS = 45_000
const POLL_MS = 20

/**
 * A configuration as somebody has it. PORT, DEBUG, DATA, SOCKET and CONFIG in it and in the variables become what the program that
 * gets them has for itself.
 */
export interface ConfigFile {
  /** Undefined: the program gets no file. */
  readonly text: string | undefined
  readonly variables: Environment
}

/** A program that was started with a configuration: it serves, or it has ended. */
export class ConfiguredRegistry implements AsyncDisposable {
  readonly program: BackgroundProgram
  readonly serves: boolean
  readonly #places: Places

  private constructor(program: BackgroundProgram, serves: boolean, places: Places) {
    this.program = program
    this.serves = serves
    this.#places = places
  }

  static async start(command: readonly string[], folder: TemporaryFolder, config: ConfigFile): Promise<ConfiguredRegistry> {
    const places = await choosePlaces(folder)
    const variables = Object.entries(config.variables).map(([name, value]) => [name, places.fill(value)] as const)
    const path = config.text === undefined ? [] : [await folder.file('config.yml', places.fill(config.text))]
    const program = new BackgroundProgram([...command, ...path], {
      environment: { ...environmentIn(folder.path), ...Object.fromEntries(variables) },
    })
    return new ConfiguredRegistry(program, await waitForAnswer(program, places), places)
  }

  async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    return await this.#places.ask(method, path, init)
  }

  /** The status of a request to the loopback address of IPv6, where it listens there. */
  async statusOverIPv6(path: string): Promise<string> {
    try {
      const response = await fetch(`http://[::1]:${this.#places.port}${path}`, { signal: AbortSignal.timeout(5_000) })
      await response.bytes()
      return `${response.status}`
    } catch {
      return 'no server'
    }
  }

  async requestDebug(path: string): Promise<Response | undefined> {
    try {
      return await fetch(`http://127.0.0.1:${this.#places.debugPort}${path}`, { signal: AbortSignal.timeout(5_000) })
    } catch {
      return undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.stop()
  }
}

export async function startConfiguredBerth(folder: TemporaryFolder, config: ConfigFile): Promise<ConfiguredRegistry> {
  const variables = { BERTH_PROCESSES: '1', ...config.variables }
  return await ConfiguredRegistry.start([...BERTH, 'serve'], folder, { ...config, variables })
}

export async function startConfiguredPeer(folder: TemporaryFolder, config: ConfigFile): Promise<ConfiguredRegistry> {
  return await ConfiguredRegistry.start([PEER_PROGRAM, 'serve'], folder, config)
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
      const common = { ...base, method, ...init, signal: AbortSignal.timeout(10_000) }
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
