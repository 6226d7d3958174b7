import { FAST_BERTH } from './berth-program.ts'
import { BackgroundProgram, environmentIn } from './processes.ts'
import { RegistryClient } from './registry-client.ts'
import { registryConfig } from './registry-config.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 60_000

/** One `berth serve` process, started without the steps before it: for tests that start hundreds. */
export interface FastBerth {
  readonly program: BackgroundProgram
  readonly client: RegistryClient
}

export async function startFastBerth(folder: TemporaryFolder): Promise<FastBerth> {
  const config = await folder.file('fast.yml', registryConfig(folder.join('data'), '  draintimeout: 1s\n'))
  const environment = { ...environmentIn(folder.join('fast')), UV_THREADPOOL_SIZE: '16' }
  const program = new BackgroundProgram([...FAST_BERTH, 'serve', config], { environment })
  const [, url = ''] = await program.waitForOutput(/msg="listening" url=(\S+)/, START_MS)
  return { program, client: new RegistryClient(url) }
}
