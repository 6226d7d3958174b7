import { readFile } from 'node:fs/promises'
import { BERTH_PROGRAM } from './berth-program.ts'
import { type BackgroundProgram, environmentIn, poll, startUntil } from './processes.ts'
import { type BucketData, registryConfig } from './registry-config.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 60_000

export interface SupervisedOptions {
  readonly folder: TemporaryFolder
  readonly processes: number
  /** A bucket instead of a folder. */
  readonly data?: BucketData
  /** The words that start another program than Berth. */
  readonly berth?: readonly string[]
  /** Added to the configuration, which ends in `http:`. */
  readonly moreConfig?: string
}

/** `berth serve` with several processes, on a free port. */
export class SupervisedBerth implements AsyncDisposable {
  readonly program: BackgroundProgram
  readonly url: string

  private constructor(program: BackgroundProgram, url: string) {
    this.program = program
    this.url = url
  }

  static async start(options: SupervisedOptions): Promise<SupervisedBerth> {
    const { folder, processes, data, moreConfig, berth = [BERTH_PROGRAM] } = options
    const config = await folder.file('supervised.yml', registryConfig(data ?? folder.join('data'), moreConfig))
    const environment = {
      ...environmentIn(folder.join('supervised')),
      BERTH_PROCESSES: String(processes),
      STATE_DIRECTORY: folder.join('state'),
    }
    const { program, match } = await startUntil(/msg="listening" url=(\S+)/, START_MS, [...berth, 'serve', config], {
      environment,
    })
    return new SupervisedBerth(program, match[1] ?? '')
  }

  /** The workers' process ids, as the kernel knows them. */
  async workers(): Promise<number[]> {
    const children = await readFile(`/proc/${this.program.pid}/task/${this.program.pid}/children`, 'utf8')
    return children
      .split(' ')
      .filter((text) => text !== '')
      .map(Number)
  }

  /** The debug server's address, where the configuration has one. */
  async debugUrl(): Promise<string> {
    const [, url = ''] = await this.program.waitForOutput(/msg="debug server listening" url=(\S+)/, START_MS)
    return url
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.stop()
  }
}

/** Resolves when a process is no more. */
export async function ended(pid: number, timeoutMs: number): Promise<void> {
  await poll(`process ${pid} ends`, timeoutMs, async () => (isRunning(pid) ? undefined : true))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
