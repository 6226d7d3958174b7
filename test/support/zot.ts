import { environmentIn, startUntil } from './processes.ts'
import { RegistryProcess } from './registry-process.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** A zot that somebody has built: no registry of packages that the tests' programs come from has it. */
export const ZOT_PROGRAM = 'zot'

const START_MS = 120_000
const LISTENING = /kernel chosen port"[^\n]*"port":(\d+)/

export interface ZotOptions {
  readonly folder: TemporaryFolder
  readonly dataDirectory: string
  /** More of its section of that name. */
  readonly http?: object
}

/** Serves a data directory with zot, which takes images of Docker's format as well. The caller ends it. */
export async function startZot({ folder, dataDirectory, http }: ZotOptions): Promise<RegistryProcess> {
  const config = {
    distSpecVersion: '1.1.1',
    storage: { rootDirectory: dataDirectory },
    http: { address: '127.0.0.1', port: '0', compat: ['docker2s2'], ...http },
    log: { level: 'info' },
  }
  const path = await folder.file(`zot/${crypto.randomUUID()}.json`, JSON.stringify(config))
  const environment = environmentIn(folder.join('zot'))
  const { program, match } = await startUntil(LISTENING, START_MS, [ZOT_PROGRAM, 'serve', path], { environment })
  return new RegistryProcess(program, Number(match[1]))
}
