import { setTimeout } from 'node:timers/promises'
import type { Door } from '../http/door.ts'
import { DatabaseAwayError } from '../metadata/processes.ts'
import type { Log } from '../observe/log.ts'
import type { Life } from './life.ts'

/** Between two tries to reach the database. */
const PAUSE_MS = 1_000

/** `isAway`: only pulls are answered, without a database. */
export type BeginLife = (parts: { readonly onReplaced: (error: Error) => void; readonly isAway?: boolean }) => Promise<Life>

/** Where the database is a file of this machine: a process that has lost it is replaced by another one. */
export async function onlyLife(begin: BeginLife, onReplaced: (error: Error) => void): Promise<Pick<Lives, 'current' | 'end'>> {
  const current = await begin({ onReplaced })
  return { current, end: current.end }
}

export interface LivesOptions {
  readonly begin: BeginLife
  /** Before which requests come: it leads to the life of the moment. */
  readonly door: Pick<Door, 'open'>
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * Where the database is a server: a process that the others take for dead ends what it was, and joins anew under another name as soon as it can. Until then
 * pulls are answered by what the storage says, and everything else is refused.
 */
export class Lives {
  readonly #options: LivesOptions
  readonly #ending = new AbortController()
  #current: Life
  #following: Promise<void> | undefined
  readonly #endings = new Set<Promise<void>>()

  private constructor(options: LivesOptions, first: Life) {
    this.#options = options
    this.#current = first
  }

  /** Throws what an open reports, but for a database that is away, or that older processes use: that is waited for. */
  static async begin(options: LivesOptions): Promise<Lives> {
    const { begin, log } = options
    let lives: Lives | undefined
    try {
      const { life, lost } = await beginUnlost(begin, (_, error) => {
        if (lives !== undefined) lives.#lose(error)
      })
      lives = new Lives(options, life)
      const error = lost()
      if (error !== undefined) lives.#lose(error)
    } catch (error) {
      if (!(error instanceof DatabaseAwayError)) throw error
      log.error(AWAY, { reason: error.message })
      lives = new Lives(options, await begin({ onReplaced: () => undefined, isAway: true }))
      lives.#following = lives.#follow()
    }
    return lives
  }

  get current(): Life {
    return this.#current
  }

  /** The others take this process for dead. */
  #lose(error: Error): void {
    if (this.#ending.signal.aborted || this.#following !== undefined) return
    this.#options.log.error(AWAY, { reason: error.message })
    this.#quieten(this.#current)
    this.#following = this.#follow()
  }

  async end(): Promise<void> {
    this.#ending.abort()
    await this.#following
    await Promise.all(this.#endings)
    await this.#current.end()
  }

  /** Nothing of it can be done any more, but for pulls. */
  #quieten({ registry }: Life): void {
    registry.handover.beAway()
    // Clients that listen to events lose their connection here, and connect again.
    Promise.all([registry.handOverDuties(), registry.stop()]).catch((error: unknown) => {
      this.#options.log.warn('work in the background did not end', { error })
    })
  }

  async #follow(): Promise<void> {
    for (;;) {
      const begun = await this.#tryUntilBegun()
      if (begun === undefined) return
      const before = this.#current
      this.#current = begun.life
      this.#options.door.open(begun.life.handler)
      this.#endLater(before)
      if (begun.lost() === undefined) break
      this.#quieten(begun.life)
    }
    // At once: from here on it may be lost again.
    this.#following = undefined
    this.#options.log.info('the metadata database is there again, everything is served')
  }

  /** It may wait for requests that are under way in the storage. */
  #endLater(life: Life): void {
    const ending = life
      .end()
      .catch((error: unknown) => this.#options.log.warn('what was before the metadata database went did not end', { error }))
      .finally(() => this.#endings.delete(ending))
    this.#endings.add(ending)
  }

  /** Undefined when the process ends first. */
  async #tryUntilBegun(): Promise<Begun | undefined> {
    const { begin, log, signal } = this.#options
    const ending = AbortSignal.any([signal, this.#ending.signal])
    let told = ''
    while (!ending.aborted) {
      try {
        const begun = await beginUnlost(begin, (life, error) => {
          if (this.#current === life) this.#lose(error)
        })
        return begun
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        if (reason !== told) log.warn('the registry cannot begin anew, it is tried again', { error })
        told = reason
      }
      await setTimeout(PAUSE_MS, undefined, { signal: ending }).catch(() => undefined)
    }
    return undefined
  }
}

const AWAY = 'the metadata database cannot be used: only pulls are answered until it can'

interface Begun {
  readonly life: Life
  readonly lost: () => Error | undefined
}

/** One that is lost before it has begun has not begun. */
async function beginUnlost(begin: BeginLife, onLost: (life: Life, error: Error) => void): Promise<Begun> {
  let life: Life | undefined
  let lost: Error | undefined
  const found = (): Error | undefined => lost
  const onReplaced = (error: Error) => {
    lost ??= error
    if (life !== undefined) onLost(life, error)
  }
  try {
    life = await begin({ onReplaced })
  } catch (error) {
    throw found() === undefined ? error : new DatabaseAwayError(found()?.message ?? '', { cause: error })
  }
  if (found() === undefined) return { life, lost: found }
  await life.end()
  throw new DatabaseAwayError(found()?.message ?? '', { cause: found() })
}
