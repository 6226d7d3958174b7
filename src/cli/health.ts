import { get } from 'node:http'
import type { ListenAddress } from '../config/listen-address.ts'
import { loadConfig } from '../config/load-config.ts'
import { CommandError } from './command-error.ts'
import { findServedConfigPath } from './served-config.ts'

const TIMEOUT_MS = 5_000
/** Not logged, open to all, and the same wherever the paths of the registry begin. */
const PATH = '/livez'

/** Asks the server of this machine whether it answers, and says so in a line. Throws CommandError when it does not. */
export async function health(configPath: string | undefined): Promise<void> {
  const { config } = loadConfig({ path: configPath ?? findServedConfigPath(), environment: process.env })
  const { listen } = config.http
  const status = await ask(listen)
  if (status !== 200) throw new CommandError(`unhealthy: ${describe(listen)} answers ${status}`)
  process.stdout.write(`healthy: ${describe(listen)} answers\n`)
}

/** The status of the answer. Not by fetch, which would ask the proxy that the environment names. */
async function ask(listen: ListenAddress): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const request = get({ ...whereToAsk(listen), path: PATH, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
    response.resume()
    resolve(response.statusCode)
  })
  request.on('error', reject)
  try {
    return await promise
  } catch (cause) {
    throw new CommandError(`unhealthy: ${describe(listen)} does not answer: ${(cause as Error).message}`, { cause })
  }
}

function whereToAsk(listen: ListenAddress) {
  if (listen.kind === 'unix') return { socketPath: listen.path }
  if (listen.port === 0) throw new CommandError('http.addr lets the server take any free port, so nobody can tell where to ask')
  return { host: reachable(listen.hostname), port: listen.port }
}

/** Every interface includes the one that leads back here. */
function reachable(hostname: string | undefined): string {
  if (hostname === undefined || hostname === '0.0.0.0') return '127.0.0.1'
  return hostname === '::' ? '::1' : hostname
}

function describe(listen: ListenAddress): string {
  if (listen.kind === 'unix') return listen.path
  const host = reachable(listen.hostname)
  return `http://${host.includes(':') ? `[${host}]` : host}:${listen.port}`
}
