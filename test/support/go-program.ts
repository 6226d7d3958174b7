import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Environment, PROGRAM_PATH, runToSuccess } from './processes.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Go is often installed where no shell looks by itself. */
const GO_PATH = `${PROGRAM_PATH}:/usr/local/go/bin`
export const BUILD_MS = 15 * 60_000

/** As `describeWith` wants it. */
export const GO = Bun.which('go', { PATH: GO_PATH }) ?? 'go'

/** A program that is built from source once for this machine, and kept outside of the repository; gives its path. */
export async function buildGoProgram(source: string, version: string): Promise<string> {
  return await builtOnce(source, version, async (program, environment) => {
    await runToSuccess([GO, 'install', `${source}@${version}`], {
      environment: { ...environment, GOBIN: dirname(program) },
      timeoutMs: BUILD_MS,
    })
  })
}

/** The same of a module that excludes versions of others, which Go builds in the folder of that module alone. `path`: of the program in the module. */
export async function buildProgramOfModule(module: string, version: string, path: string): Promise<string> {
  return await builtOnce(`${module}/${path}`, version, async (program, environment) => {
    const options = { environment, timeoutMs: BUILD_MS }
    const { Dir } = JSON.parse(await runToSuccess([GO, 'mod', 'download', '-json', `${module}@${version}`], options))
    await runToSuccess([GO, '-C', Dir, 'build', '-o', program, `./${path}`], options)
  })
}

/** The same of a program that a test has written: its files, go.mod among them. Another `version` for other files. */
export async function buildOwnGoProgram(name: string, version: string, files: Readonly<Record<string, string>>): Promise<string> {
  return await builtOnce(name, version, async (program, environment) => {
    using folder = new TemporaryFolder()
    for (const [path, text] of Object.entries(files)) await folder.file(path, text)
    const options = { environment: { ...environment, GOFLAGS: '-mod=mod' }, timeoutMs: BUILD_MS }
    await runToSuccess([GO, '-C', folder.path, 'mod', 'tidy'], options)
    await runToSuccess([GO, '-C', folder.path, 'build', '-o', program, '.'], options)
  })
}

async function builtOnce(
  source: string,
  version: string,
  build: (program: string, environment: Environment) => Promise<void>,
): Promise<string> {
  const name = source.split('/').at(-1) ?? source
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'berth-test/go', `${name}-${version}`)
  const program = join(folder, name)
  if (await Bun.file(program).exists()) return program
  mkdirSync(folder, { recursive: true })
  // Building asks the network, by the machine's own ways; what is built runs without them.
  await build(program, { ...(process.env as Environment), PATH: GO_PATH })
  return program
}
