import { type BerthProcess, startBerth } from './berth-process.ts'
import { HURRIED_BERTH } from './berth-program.ts'
import { s3Section } from './object-store.ts'
import type { S3Place } from './s3-client.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

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
  #berth: BerthProcess

  private constructor(options: BucketBerthOptions, berth: BerthProcess) {
    this.#options = options
    this.#berth = berth
  }

  static async start(options: BucketBerthOptions): Promise<BucketBerth> {
    return new BucketBerth(options, await startOn(options))
  }

  get url(): string {
    return this.#berth.url
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#berth.kill()
  }

  /** Starts another one in the place of one that was killed. */
  async restart(): Promise<void> {
    this.#berth = await startOn(this.#options)
  }

  /** Throws when it has ended by itself, or does not end in order. */
  async stop(): Promise<void> {
    const { program } = this.#berth
    const { running } = program
    const exitCode = await program.stop()
    if (!running || exitCode !== 0) throw new Error(`Berth ended with ${exitCode}:\n${program.output}`)
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

async function startOn({ folder, place }: BucketBerthOptions): Promise<BerthProcess> {
  const parts = KEYS_IN_PARTS.map((key) => `    ${key}: ${PART_BYTES}\n`).join('')
  const storage = `${s3Section(place, parts)}  redirect: {disable: true}\n  delete: {enabled: true}\n`
  const config = `version: 0.1\nstorage:\n${storage}http: {addr: "127.0.0.1:0"}\n`
  return await startBerth({ folder, config, berth: HURRIED_BERTH, expectsFaults: true })
}
