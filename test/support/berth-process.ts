import { BERTH_PROGRAM } from './berth-program.ts'
import { environmentIn, startUntil } from './processes.ts'
import { registryConfig } from './registry-config.ts'
import { RegistryProcess, type ServeOptions } from './registry-process.ts'

const START_MS = 60_000
const LISTENING = /msg="listening" url=\S+:(\d+) /

interface BerthOptions extends ServeOptions {
  /** Another program, or the words that start it, where the test is about that. */
  readonly berth?: string | readonly string[]
  /** Left out, one for each core. */
  readonly processes?: number
  /** What the test does to the machine is reported as a fault. */
  readonly expectsFaults?: boolean
}

/** Serves a data directory with `berth serve`, as a program of its own. Several may share one directory. The caller ends it. */
export async function startBerth(options: BerthOptions): Promise<RegistryProcess> {
  const { folder, dataDirectory, umask, moreConfig, berth = BERTH_PROGRAM, before = [], adapt = (text) => text } = options
  const config = await folder.file(`berth/${crypto.randomUUID()}.yml`, adapt(registryConfig(dataDirectory, moreConfig)))
  // What belongs to a bucket on this machine goes here.
  const count = options.processes === undefined ? {} : { BERTH_PROCESSES: String(options.processes) }
  const environment = { ...environmentIn(folder.join('berth')), STATE_DIRECTORY: folder.join('state'), ...count }
  const { program, match } = await startUntil(LISTENING, START_MS, [...before, ...[berth].flat(), 'serve', config], {
    environment,
    umask,
  })
  return new RegistryProcess(program, Number(match[1]), options.expectsFaults === true ? undefined : /level=error|level=fatal/)
}
