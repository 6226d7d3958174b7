import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { hasCode } from '../../runtime/error-code.ts'
import { needsCheckpoint } from './checkpoint.ts'
import { identityOf } from './database-file.ts'
import { keepLogSpace, LogIndex } from './log-space.ts'
import type { OpenedMetadata } from './open.ts'

const LOOK_EVERY_MS = 1_000

/** A thread opens some files when it begins; where it cannot, the runtime ends the process. */
const DESCRIPTORS_OF_THREAD = 16

/** The database file at the path is not the one that is open. What this process writes would be lost: it must start anew. */
export class MetadataReplacedError extends Error {
  override readonly name = 'MetadataReplacedError'
}

/** Looks after the open database file: its log keeps its space and is folded in before it grows, and a replaced file is noticed. */
export class MetadataKeeper {
  readonly #path: string
  readonly #identity: string
  readonly #onReplaced: (error: MetadataReplacedError) => void
  readonly #onFailure: (error: unknown) => void
  readonly #timer: NodeJS.Timeout
  readonly #metadata: OpenedMetadata['metadata']
  readonly #log: LogIndex
  #working: Promise<void> | undefined

  constructor(options: {
    readonly path: string
    readonly opened: OpenedMetadata
    readonly onReplaced: (error: MetadataReplacedError) => void
    readonly onFailure: (error: unknown) => void
  }) {
    this.#path = options.path
    this.#identity = options.opened.identity
    this.#metadata = options.opened.metadata
    this.#log = new LogIndex(options.path)
    this.#onReplaced = options.onReplaced
    this.#onFailure = options.onFailure
    this.#work(() => this.#keepSpace())
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#working
  }

  #look(): void {
    if (!this.#isOurs()) {
      clearInterval(this.#timer)
      this.#onReplaced(new MetadataReplacedError('The metadata database was replaced or deleted while it was open.'))
      return
    }
    if (!needsCheckpoint(this.#log)) this.#work(() => this.#keepSpace())
    else if (hasFreeDescriptors()) this.#work(() => this.#checkpoint())
  }

  #isOurs(): boolean {
    return identityOf(this.#path) === this.#identity
  }

  #work(task: () => Promise<void>): void {
    this.#working ??= task()
      .catch(this.#onFailure)
      .finally(() => {
        this.#working = undefined
      })
  }

  /** A full disk is told of by the requests that it refuses; when it has room again, the next look takes it. */
  async #keepSpace(): Promise<void> {
    await keepLogSpace(this.#path, this.#metadata, () => this.#isOurs())
  }

  async #checkpoint(): Promise<void> {
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url).href)
    try {
      await new Promise<void>((resolve, reject) => {
        worker.onmessage = ({ data: failure }: MessageEvent<string | undefined>) =>
          failure === undefined ? resolve() : reject(new Error(failure))
        worker.onerror = (event) => reject(new Error(event.message))
        worker.postMessage(this.#path)
      })
    } finally {
      worker.terminate()
    }
  }
}

/** False: the checkpoint waits for the next look. */
function hasFreeDescriptors(): boolean {
  const opened: number[] = []
  try {
    while (opened.length < DESCRIPTORS_OF_THREAD) opened.push(openSync(devNull, 'r'))
    return true
  } catch (error) {
    if (hasCode(error, 'EMFILE')) return false
    throw error
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}
