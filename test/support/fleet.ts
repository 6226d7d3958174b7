import { startBerth } from './berth-process.ts'
import { FAST_BERTH } from './berth-program.ts'
import { RegistryClient } from './registry-client.ts'
import { type BucketData, registryConfig } from './registry-config.ts'
import type { RegistryProcess } from './registry-process.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const GIVE_UP_MS = 60_000
const URLS = /msg="listening" url=(\S+) /g

export interface FleetOptions {
  /** Instead of a folder. */
  readonly bucket?: BucketData | undefined
  /** The words that start another program than Berth. */
  readonly berth?: readonly string[]
}

/** Several `berth serve` on one data directory, or of one machine on a bucket, each a process with a port of its own, started as fast as it goes. */
export class Fleet implements AsyncDisposable {
  readonly dataDirectory: string
  readonly #folder: TemporaryFolder
  readonly #size: number
  readonly #bucket: BucketData | undefined
  readonly #berth: readonly string[]
  #running: RegistryProcess[] = []
  /** What any of them has reported as an error. */
  readonly faults: string[] = []
  readonly #collected = { links: 0, blobs: 0, manifests: 0, bytes: 0 }

  constructor(folder: TemporaryFolder, size: number, { bucket, berth = FAST_BERTH }: FleetOptions = {}) {
    this.#folder = folder
    this.#bucket = bucket
    this.#berth = berth
    this.#size = size
    this.dataDirectory = folder.join('data')
  }

  /** Where each of them listens now: one that has started anew may have another port. */
  get clients(): readonly RegistryClient[] {
    return this.#running.map(({ program }) => new RegistryClient(urlsIn(program.output).at(-1) ?? ''))
  }

  /** What those that have ended said they collected. */
  get collected(): Readonly<Record<'links' | 'blobs' | 'manifests' | 'bytes', number>> {
    return this.#collected
  }

  /** Resolves when each of them has started anew by itself. */
  async restarted(timeoutMs: number): Promise<void> {
    await Promise.all(
      this.#running.map(({ program }) => program.waitForOutput(/msg="restarting"[\s\S]*msg="listening"/, timeoutMs)),
    )
  }

  /** They do nothing until they are told to go on, as on a machine that sleeps. */
  pause(): void {
    for (const { program } of this.#running) process.kill(program.pid, 'SIGSTOP')
  }

  goOn(): void {
    for (const { program } of this.#running) process.kill(program.pid, 'SIGCONT')
  }

  /** Resolves when one of them has ended, or begins anew. */
  async givenUp(): Promise<void> {
    await Promise.race(
      this.#running.map(({ program }) => Promise.race([program.exited, program.waitForOutput(/msg="restarting"/, GIVE_UP_MS)])),
    )
  }

  /** A client of any of them. Throws when none is running. */
  anyClient(random: SeededRandom): RegistryClient {
    return random.pick(this.clients)
  }

  /** Starts, all at once, as many as are missing. */
  async start(): Promise<void> {
    const missing = Array.from({ length: this.#size - this.#running.length })
    const started = await Promise.allSettled(missing.map(() => this.#startOne()))
    for (const result of started) if (result.status === 'fulfilled') this.#running.push(result.value)
    for (const result of started) if (result.status === 'rejected') throw result.reason
  }

  /** Starts one more than the fleet has. */
  async startAnother(): Promise<void> {
    const started = await this.#startOne()
    this.#running.push(started)
  }

  /** `kill -9` to so many of them. */
  async kill(count: number, random: SeededRandom): Promise<void> {
    await this.#kill([...this.#running].sort(() => random.next() - 0.5).slice(0, count))
  }

  /** `kill -9` to the one that has run for longest. */
  async killOldest(): Promise<void> {
    await this.#kill(this.#running.slice(0, 1))
  }

  /** Asks them all to end, and waits. */
  async stop(): Promise<void> {
    const ending = this.#running
    this.#running = []
    await Promise.allSettled(ending.map((process) => process.stop()))
    for (const { program } of ending) this.#note(program.output)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #kill(victims: readonly RegistryProcess[]): Promise<void> {
    this.#running = this.#running.filter((process) => !victims.includes(process))
    await Promise.all(victims.map((process) => process.kill()))
    for (const { program } of victims) this.#note(program.output)
  }

  async #startOne(): Promise<RegistryProcess> {
    const config = registryConfig(this.#bucket ?? this.dataDirectory).replace(
      'level: info',
      'level: info\n  accesslog:\n    disabled: true',
    )
    return await startBerth({ folder: this.#folder, config, processes: 1, berth: this.#berth, expectsFaults: true })
  }

  #note(output: string): void {
    this.faults.push(...output.split('\n').filter((line) => /level=(error|fatal)/.test(line)))
    for (const [line] of output.matchAll(/.*msg="collected what nothing needs".*/g))
      for (const [, name, count] of line.matchAll(/ (links|blobs|manifests|bytes)=(\d+)/g))
        this.#collected[name as keyof typeof this.collected] += Number(count)
  }
}

function urlsIn(output: string): readonly string[] {
  return [...output.matchAll(URLS)].map(([, url = '']) => url)
}
