import type { Log } from '../observe/log.ts'
import { REFUSED_EXIT_CODE, RESTART_EXIT_CODE, WORKER_PORT_VARIABLE, WORKER_STORE_VARIABLE, WORKER_VARIABLE } from './messages.ts'
import { type WorkerExit, WorkerProcess } from './worker-process.ts'

/** A worker that lived for less is started again with a growing pause. */
const SHORT_LIFE_MS = 5_000
const LONGEST_PAUSE_MS = 10_000
/** Beyond the drain timeout, for what a worker does after its last request. */
const EXIT_PATIENCE_MS = 5_000

export interface SupervisorOptions {
  /** How many workers. */
  readonly count: number
  /** This program with its arguments. */
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly drainTimeoutMs: number
  readonly log: Log
}

/** Keeps worker processes running that share a port and a storage. It serves nothing itself and holds nothing that matters. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #workers = new Map<number, WorkerProcess>()
  readonly #watching: Promise<void>[] = []
  readonly #refused = Promise.withResolvers<void>()
  #environment: Readonly<Record<string, string | undefined>>
  #isStopping = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#environment = options.environment
  }

  /**
   * Starts the first worker, which sets up the storage and finds the port, then the others. Resolves with the address; undefined when
   * the first worker could not start: it has said why.
   */
  async start(): Promise<string | undefined> {
    const first = this.#spawn(1)
    const listening = await first.listening
    if (listening === undefined) return undefined
    const { url, store } = listening
    this.#environment = { ...this.#environment, [WORKER_PORT_VARIABLE]: new URL(url).port, [WORKER_STORE_VARIABLE]: store }
    this.#watching.push(this.#watch(first))
    for (let number = 2; number <= this.#options.count; number += 1) this.#watching.push(this.#watch(this.#spawn(number)))
    await Promise.all([...this.#workers.values()].map((worker) => worker.listening))
    return url
  }

  /** Resolves when a worker has ended because none can serve: it is not started again. */
  get refused(): Promise<void> {
    return this.#refused.promise
  }

  /** What each living worker answers to a question about itself. */
  async ask(question: string): Promise<unknown[]> {
    const answers = await Promise.all([...this.#workers.values()].map((worker) => worker.ask(question)))
    return answers.filter((answer) => answer !== undefined)
  }

  /** Lets every worker finish what it serves; one that takes longer than the drain timeout is ended. */
  async stop(): Promise<void> {
    this.#isStopping = true
    for (const worker of this.#workers.values()) worker.kill('SIGTERM')
    const timer = setTimeout(() => this.kill(), this.#options.drainTimeoutMs + EXIT_PATIENCE_MS)
    await Promise.all([...this.#watching, ...[...this.#workers.values()].map((worker) => worker.exited)])
    clearTimeout(timer)
  }

  /** Ends every worker at once. What was acknowledged is safe. */
  kill(): void {
    this.#isStopping = true
    for (const worker of this.#workers.values()) worker.kill('SIGKILL')
  }

  #spawn(number: number): WorkerProcess {
    const worker = new WorkerProcess(number, this.#options.command, { ...this.#environment, [WORKER_VARIABLE]: String(number) })
    this.#workers.set(number, worker)
    return worker
  }

  /** Starts a worker again, whenever and however it ends. */
  async #watch(first: WorkerProcess): Promise<void> {
    let worker = first
    for (let shortLives = 0; ; ) {
      const exit = await worker.exited
      if (this.#isStopping) return
      if (exit.code === REFUSED_EXIT_CODE) return this.#refused.resolve()
      shortLives = exit.livedMs < SHORT_LIFE_MS ? shortLives + 1 : 0
      this.#logExit(worker, exit)
      if (shortLives > 0) await Bun.sleep(Math.min(2 ** shortLives * 100, LONGEST_PAUSE_MS))
      if (this.#isStopping) return
      worker = this.#spawn(worker.number)
    }
  }

  #logExit(worker: WorkerProcess, { code, signal, livedMs }: WorkerExit): void {
    const fields = { worker: worker.number, pid: worker.pid, code, signal, livedMs: Math.round(livedMs) }
    if (code === RESTART_EXIT_CODE) this.#options.log.info('worker restarts', fields)
    else this.#options.log.error('worker ended, starting another', fields)
  }
}
