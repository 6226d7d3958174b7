import type { DutyWords } from './duty-state.ts'
import { type Outcome, outcomeOf } from './outcome.ts'

/** Whether requests should be sent here, with the reason why not. No secrets: the endpoint is public. */
export interface Readiness {
  readonly ready: boolean
  /** What keeps it from being ready, by name, one sentence each: `storage`, `metadata`, `health`, `draining`. Empty when it is ready. */
  readonly waiting: Readonly<Record<string, string>>
  /** Undefined when the metadata does not answer. */
  readonly scan: ScanState | undefined
  /** The background work that one process does for all. */
  readonly duties: DutyWords
  /** Another database may be at work on the storage: pulls are answered, everything else waits. Left out when there is none. */
  readonly handover?: true
  /** The metadata database cannot be used: pulls are answered, everything else is refused. Left out when it can. */
  readonly away?: true
}

/** How far the comparison of metadata and storage is, which begins anew when another registry may have written meanwhile. */
export interface ScanState {
  readonly epoch: number
  /** Everything has been looked at. Until then a list may have to be asked for again, and nothing is collected. */
  readonly complete: boolean
  /** The names of all repositories are known: the catalog can be answered. */
  readonly names: boolean
  /** The part of the repositories that has been looked at, from 0 to 1. */
  readonly scanned: number
}

export interface ReadinessOptions {
  readonly isHandingOver: () => boolean
  /** The metadata database cannot be used, and pulls are answered without it. */
  readonly isAway: () => boolean
  /** Throws when the storage does not answer as it should. */
  readonly askStorage: () => Promise<void>
  /** Throws when the metadata does not answer. */
  readonly askMetadata: () => Promise<ScanState>
  readonly duties: () => DutyWords
  /** False while a health check of the configuration fails: every request is refused then. */
  readonly isHealthy: () => boolean
  /** A part has stopped answering, or answers again (undefined). */
  readonly onChange: (part: string, error: Error | undefined) => void
}

/** Probes that come close together share one look: a flood of them makes no work. */
const SHARED_FOR_MS = 500

/** Looks at what the registry stands on, when it is asked. */
export class ReadinessProbe {
  readonly #options: ReadinessOptions
  readonly #silent = new Set<string>()
  #isDraining = false
  #last: { readonly at: number; readonly look: Promise<Readiness> } | undefined

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** From now on it is not ready: it only finishes what it has begun. */
  drain(): void {
    this.#isDraining = true
    this.#last = undefined
  }

  async look(): Promise<Readiness> {
    const now = performance.now()
    if (this.#last === undefined || now - this.#last.at > SHARED_FOR_MS) this.#last = { at: now, look: this.#look() }
    return await this.#last.look
  }

  async #look(): Promise<Readiness> {
    const { askStorage, askMetadata, isHealthy, isHandingOver, isAway } = this.#options
    const [storage, metadata] = await Promise.all([outcomeOf(askStorage), outcomeOf(askMetadata)])
    const waiting = {
      ...this.#obstacle('storage', storage),
      ...(isAway() ? {} : this.#obstacle('metadata', metadata)),
      ...(isHealthy() ? {} : { health: 'A health check fails; /debug/health and the log have its name.' }),
      ...(this.#isDraining ? { draining: 'It is stopping and takes nothing new.' } : {}),
    }
    const scan = 'value' in metadata ? metadata.value : undefined
    const handover = isHandingOver() && !isAway() ? ({ handover: true } as const) : {}
    const away = isAway() ? ({ away: true } as const) : {}
    return { ready: Object.keys(waiting).length === 0, waiting, scan, duties: this.#options.duties(), ...handover, ...away }
  }

  /** The reason is for the log: it may name paths and addresses. */
  #obstacle(part: string, answer: Outcome<unknown>): Readonly<Record<string, string>> {
    const error = 'error' in answer ? answer.error : undefined
    if (this.#silent.has(part) !== (error !== undefined)) this.#options.onChange(part, error)
    if (error === undefined) {
      this.#silent.delete(part)
      return {}
    }
    this.#silent.add(part)
    return { [part]: 'It does not answer; the log has the reason.' }
  }
}
