import type { BackgroundProgram } from './processes.ts'
import type { BucketData } from './registry-config.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

export interface ServeOptions {
  /** Where the config and the program's own home go. */
  readonly folder: TemporaryFolder
  /** A folder, or a bucket. */
  readonly dataDirectory: string | BucketData
  readonly umask?: string | undefined
  /** In front of the command, as in `unshare`. */
  readonly before?: readonly string[]
  /** Further sections of the configuration. */
  readonly moreConfig?: string
  /** Changes the text of the configuration. */
  readonly adapt?: (config: string) => string
}

/** A registry that runs as a program of its own on a free port. */
export class RegistryProcess implements AsyncDisposable {
  readonly program: BackgroundProgram
  readonly port: number
  readonly #fault: RegExp | undefined
  #ended = false

  /** `fault`: what the registry prints when something went wrong that should not, whatever clients do. */
  constructor(program: BackgroundProgram, port: number, fault?: RegExp) {
    this.program = program
    this.port = port
    this.#fault = fault
  }

  /** As people write it in front of an image name. */
  get address(): string {
    return `localhost:${this.port}`
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Asks it to end. Throws when it has ended by itself before, or has reported a fault. */
  async stop(): Promise<void> {
    const { program } = this
    this.#ended = true
    const ranUntilNow = program.running
    await program.stop()
    if (!ranUntilNow) throw new Error(`the registry had ended by itself:\n${program.output}`)
    const faults = program.output.split('\n').filter((line) => this.#fault?.test(line) === true)
    // Those come last: the end of a long message is what people are shown.
    if (faults.length > 0) throw new Error(`${program.output}\nthe registry reported a fault:\n${faults.join('\n')}`)
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#ended = true
    await this.program.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.stop()
  }
}

/** Works with registries that run, and ends them whatever comes. Throws all that went wrong, the work's own failure first. */
export async function whileRunning(registries: readonly RegistryProcess[], work: () => Promise<void>): Promise<void> {
  const [worked] = await Promise.allSettled([work()])
  const stopped = await Promise.allSettled(registries.map((registry) => registry.stop()))
  const reasons = [worked, ...stopped].flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  if (reasons.length === 0) return
  if (reasons.length === 1) throw reasons[0]
  throw new Error(reasons.map(String).join('\n\n'))
}
