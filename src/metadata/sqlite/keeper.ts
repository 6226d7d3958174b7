import { needsCheckpoint } from './checkpoint.ts'
import { identityOf } from './database-file.ts'
import type { OpenedMetadata } from './open.ts'

const LOOK_EVERY_MS = 1_000

/** The database file at the path is not the one that is open. What this process writes would be lost: it must start anew. */
export class MetadataReplacedError extends Error {
  override readonly name = 'MetadataReplacedError'
}

/** Looks after the open database file: its log is folded in before it grows, and a replaced file is noticed. */
export class MetadataKeeper {
  readonly #path: string
  readonly #identity: string
  readonly #onReplaced: (error: MetadataReplacedError) => void
  readonly #onFailure: (error: unknown) => void
  readonly #timer: NodeJS.Timeout
  #checkpointing: Promise<void> | undefined

  constructor(options: {
    readonly path: string
    readonly opened: OpenedMetadata
    readonly onReplaced: (error: MetadataReplacedError) => void
    readonly onFailure: (error: unknown) => void
  }) {
    this.#path = options.path
    this.#identity = options.opened.identity
    this.#onReplaced = options.onReplaced
    this.#onFailure = options.onFailure
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#checkpointing
  }

  #look(): void {
    if (identityOf(this.#path) !== this.#identity) {
      clearInterval(this.#timer)
      this.#onReplaced(new MetadataReplacedError('The metadata database was replaced or deleted while it was open.'))
      return
    }
    if (this.#checkpointing !== undefined || !needsCheckpoint(this.#path)) return
    this.#checkpointing = this.#checkpoint().finally(() => {
      this.#checkpointing = undefined
    })
  }

  async #checkpoint(): Promise<void> {
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url).href)
    try {
      await new Promise<void>((resolve, reject) => {
        worker.onmessage = () => resolve()
        worker.onerror = (event) => reject(new Error(event.message))
        worker.postMessage(this.#path)
      })
    } catch (error) {
      this.#onFailure(error)
    } finally {
      worker.terminate()
    }
  }
}
