import { get } from 'node:http'
import { get as getByTls } from 'node:https'
import type { HttpConfig } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import type { ListenAddress } from '../config/words/listen-address.ts'
import { CommandError } from './command-error.ts'
import { findServedConfigPath, findServedSettings, isContainerOfAgent } from './serve/served-config.ts'

const TIMEOUT_MS = 5_000
/** Not logged, open to all, and the same wherever the paths of the registry begin. */
const PATH = '/livez'

/**
 * Asks the server of this machine whether it answers, and says so in a line. Throws CommandError when it does not. An agent that is a container
 * serves nothing: it is well as long as it runs, and ends otherwise.
 */
export async function health(configPath: string | undefined): Promise<void> {
  if (configPath === undefined && isContainerOfAgent()) {
    process.stdout.write('healthy: the agent runs\n')
    return
  }
  const { config } = loadConfig({
    path: configPath ?? findServedConfigPath(),
    environment: { ...process.env, ...findServedSettings() },
  })
  const { http } = config
  const status = await ask(http)
  if (status !== 200) throw new CommandError(`unhealthy: ${describe(http)} answers ${status}`)
  process.stdout.write(`healthy: ${describe(http)} answers\n`)
}

/** The status of the answer. Not by fetch, which would ask the proxy that the environment names. */
async function ask(http: HttpConfig): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const where = { ...whereToAsk(http.listen), path: PATH, signal: AbortSignal.timeout(TIMEOUT_MS) }
  // The certificate speaks for the name that clients use, which is not the one that leads here; nothing secret is said.
  const asked = http.tls === undefined ? get(where) : getByTls({ ...where, rejectUnauthorized: false })
  asked.on('response', (response) => {
    response.resume()
    resolve(response.statusCode)
  })
  asked.on('error', reject)
  try {
    return await promise
  } catch (cause) {
    if (http.tls?.clients.kind === 'verified' && isRefusedWithoutCertificate(cause)) return 200
    throw new CommandError(`unhealthy: ${describe(http)} does not answer: ${(cause as Error).message}`, { cause })
  }
}

/** A server that asks for a certificate is there, and does what it should. */
function isRefusedWithoutCertificate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(String(error.code))
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

function describe({ listen, tls }: HttpConfig): string {
  if (listen.kind === 'unix') return listen.path
  const host = reachable(listen.hostname)
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${listen.port}`
}
