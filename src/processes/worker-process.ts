import type { SupervisorMessage, WorkerMessage } from './messages.ts'

/** How long a worker may take to answer the supervisor. */
const ANSWER_TIMEOUT_MS = 2_000

export interface WorkerExit {
  readonly code: number | null
  readonly signal: number | string | null
  /** How long it lived. */
  readonly livedMs: number
}

export type Listening = Pick<Extract<WorkerMessage, { readonly kind: 'listening' }>, 'url' | 'store'>

/** One worker, from its spawn to its exit. */
export class WorkerProcess {
  readonly number: number
  /** Settles when it has ended, however it ended. */
  readonly exited: Promise<WorkerExit>
  /** Resolves with its address and its storage when it serves; undefined when it ended before. */
  readonly listening: Promise<Listening | undefined>
  readonly #process: Bun.Subprocess
  readonly #questions = new Map<number, (value: unknown) => void>()
  #asked = 0
  #isServing = false

  /** `command` is this program with its arguments. It gets a process group of its own: a terminal's signals go to the supervisor. */
  constructor(number: number, command: readonly string[], environment: Readonly<Record<string, string | undefined>>) {
    this.number = number
    const listening = Promise.withResolvers<Listening | undefined>()
    const startedAt = performance.now()
    this.listening = listening.promise
    this.#process = Bun.spawn([...command], {
      env: { ...environment },
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
      serialization: 'json',
      ipc: (message: WorkerMessage) => {
        if (message.kind === 'listening') {
          this.#isServing = true
          listening.resolve(message)
        } else this.#questions.get(message.id)?.(message.value)
      },
    })
    this.exited = this.#process.exited.then((): WorkerExit => {
      listening.resolve(undefined)
      return { code: this.#process.exitCode, signal: this.#process.signalCode, livedMs: performance.now() - startedAt }
    })
  }

  get pid(): number {
    return this.#process.pid
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** What the worker answers; undefined when it does not serve yet, has ended or takes too long. */
  async ask(question: string): Promise<unknown> {
    if (!this.#isServing) return undefined
    this.#asked += 1
    const id = this.#asked
    const answer = Promise.withResolvers<unknown>()
    this.#questions.set(id, answer.resolve)
    const timer = setTimeout(answer.resolve, ANSWER_TIMEOUT_MS)
    try {
      const message: SupervisorMessage = { kind: 'question', id, question }
      if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.send(message)
      else return undefined
      return await answer.promise
    } finally {
      clearTimeout(timer)
      this.#questions.delete(id)
    }
  }
}
