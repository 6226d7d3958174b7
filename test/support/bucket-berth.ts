import { HURRIED_BERTH } from './berth-program.ts'
import { s3Section } from './object-store.ts'
import { type BackgroundProgram, environmentIn, startUntil } from './processes.ts'
import type { S3Place } from './s3-client.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 60_000
/** The smallest that S3 has, so that a layer has several. */
const PART_BYTES = 5 * 1024 * 1024
const KEYS_IN_PARTS = ['chunksize', 'multipartcopychunksize', 'multipartcopythresholdsize']

export interface BucketBerthOptions {
  /** Where its state goes: what belongs to a bucket on this machine. Kept from one start to the next. */
  readonly folder: TemporaryFolder
  readonly place: S3Place
}

/** Berth on a bucket, a program of its own, which may be killed and started again. */
export class BucketBerth {
  readonly #options: BucketBerthOptions
  #program: BackgroundProgram
  #url: string

  private constructor(options: BucketBerthOptions, program: BackgroundProgram, url: string) {
    this.#options = options
    this.#program = program
    this.#url = url
  }

  static async start(options: BucketBerthOptions): Promise<BucketBerth> {
    const { program, url } = await startOn(options)
    return new BucketBerth(options, program, url)
  }

  get url(): string {
    return this.#url
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#program.kill()
  }

  /** Starts another one in the place of one that was killed. */
  async restart(): Promise<void> {
    const { program, url } = await startOn(this.#options)
    this.#program = program
    this.#url = url
  }

  /** Throws when it has ended by itself, or does not end in order. */
  async stop(): Promise<void> {
    const { running } = this.#program
    const exitCode = await this.#program.stop()
    if (!running || exitCode !== 0) throw new Error(`Berth ended with ${exitCode}:\n${this.#program.output}`)
  }
}

/** Uses a Berth and ends it, whatever comes. */
export async function withBerth<Result>(
  options: BucketBerthOptions,
  use: (berth: BucketBerth) => Promise<Result>,
): Promise<Result> {
  const berth = await BucketBerth.start(options)
  const [used] = await Promise.allSettled([use(berth)])
  const [stopped] = await Promise.allSettled([berth.stop()])
  if (used.status === 'rejected') throw used.reason
  if (stopped.status === 'rejected') throw stopped.reason
  return used.value
}

async function startOn({ folder, place }: BucketBerthOptions) {
  const parts = KEYS_IN_PARTS.map((key) => `    ${key}: ${PART_BYTES}\n`).join('')
  const storage = `${s3Section(place, parts)}  redirect: {disable: true}\n  delete: {enabled: true}\n`
  const config = await folder.file('berth.yml', `version: 0.1\nstorage:\n${storage}http: {addr: "127.0.0.1:0"}\n`)
  const environment = { ...environmentIn(folder.path), STATE_DIRECTORY: folder.join('state'), UV_THREADPOOL_SIZE: '64' }
  const command = [...HURRIED_BERTH, 'serve', config]
  const { program, match } = await startUntil(/msg="listening" url=(\S+)/, START_MS, command, { environment })
  return { program, url: match[1] ?? '' }
}
