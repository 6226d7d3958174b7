import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Environment, PROGRAM_PATH, runToSuccess } from './processes.ts'

/** Go is often installed where no shell looks by itself. */
const GO_PATH = `${PROGRAM_PATH}:/usr/local/go/bin`
export const BUILD_MS = 15 * 60_000

/** As `describeWith` wants it. */
export const GO = Bun.which('go', { PATH: GO_PATH }) ?? 'go'

/** A program that is built from source once for this machine, and kept outside of the repository; gives its path. */
export async function buildGoProgram(source: string, version: string): Promise<string> {
  const name = source.split('/').at(-1) ?? source
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'berth-test/go', `${name}-${version}`)
  const program = join(folder, name)
  if (await Bun.file(program).exists()) return program
  mkdirSync(folder, { recursive: true })
  // Building asks the network, by the machine's own ways; what is built runs without them.
  const environment = { ...(process.env as Environment), GOBIN: folder, PATH: GO_PATH }
  await runToSuccess([GO, 'install', `${source}@${version}`], { environment, timeoutMs: BUILD_MS })
  return program
}
