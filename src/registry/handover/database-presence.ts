import { setTimeout } from 'node:timers/promises'
import { StorageInUseError } from '../../metadata/processes.ts'
import { type StorageDriver, storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'

/** An own sign is renewed this often. */
const RENEW_EVERY_MS = 20_000
/** A sign that was renewed within this time, by the storage's clock, is of a database that is at work. */
const ALIVE_MS = 90_000
/** A database that has not renewed its sign for so long may have been taken for dead. */
const MISSED_MS = 60_000
const LOOK_EVERY_MS = 2_000

export interface DatabasePresenceOptions {
  readonly storage: Pick<StorageDriver, 'stat' | 'list' | 'place' | 'remove'>
  /** Of the place on this machine where its processes have their metadata and see each other's locks: it outlives the database there. */
  readonly databaseId: string
  /** What another machine is told about this one. */
  readonly host: string
  /** Another database has taken over while this process was not running. */
  readonly onTakenOver: (error: Error) => void
  readonly onFailure: (error: unknown) => void
  /** Whether one that is at work is waited for, too: it may be about to end. One that has died always is. */
  readonly waitsForLiving?: boolean
  /** What time the storage has, as its last answer showed it: no clock of a virtual machine tells it that it was stopped. */
  readonly storageTimeMs?: (() => number) | undefined
  /** How fast time goes, for tests: 1 in earnest. */
  readonly pace?: number | undefined
}

/**
 * Keeps two databases from working on one remote storage: their processes would not see each other's locks. Each database leaves a sign of
 * life in the storage, `berth/v1/databases/<id>`, and a process that starts waits until no other database is alive. The caller ends what it has made.
 */
export class DatabasePresence {
  readonly #options: DatabasePresenceOptions
  readonly #pace: number
  readonly #giveUp = new AbortController()
  #renewed: Moment
  #timer: NodeJS.Timeout | undefined
  #renewing: Promise<void> | undefined

  constructor(options: DatabasePresenceOptions) {
    this.#options = options
    this.#pace = options.pace ?? 1
    this.#renewed = this.#now()
  }

  /** False while another database may be at work: `begin` would wait for it. */
  async isAlone(): Promise<boolean> {
    return (await this.#freshOthers()).length === 0
  }

  /**
   * Resolves when this database is the only one, in a minute and a half at the latest. Throws StorageInUseError when another one is at
   * work, and an AbortError after `giveUp`.
   */
  async begin(): Promise<void> {
    await this.#outlast()
    await this.#renew()
    await this.#yieldToTwin()
    this.#giveUp.signal.throwIfAborted()
    this.#timer = setInterval(() => this.#tick(), RENEW_EVERY_MS * this.#pace)
  }

  /** Whether no other machine can have taken this one for dead. A machine that slept, or whose clock was set, looks anew first. */
  get isFresh(): boolean {
    return this.#sinceRenewedMs() < MISSED_MS * this.#pace
  }

  /** A process that waits in `begin` waits no more. */
  giveUp(): void {
    this.#giveUp.abort()
  }

  /** `isLast`: no other process uses this database any more; others need not wait for it to be taken for dead. */
  async end({ isLast }: { readonly isLast: boolean }): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewing
    // Where the storage does not answer, the sign grows old.
    const { storage, databaseId, onFailure } = this.#options
    if (isLast) await storage.remove(this.#sign(databaseId)).catch(onFailure)
  }

  /** Waits for signs that are fresh to go or to grow old. A sign that is renewed belongs to a database at work. */
  async #outlast(): Promise<void> {
    const first = new Map<string, number>()
    const deadline = performance.now() + (ALIVE_MS + LOOK_EVERY_MS) * this.#pace
    for (;;) {
      const fresh = await this.#freshOthers()
      if (fresh.length === 0) return
      for (const { id, changedAtMs } of fresh) {
        const isRenewed = (first.get(id) ?? changedAtMs) !== changedAtMs
        if (isRenewed && (this.#options.waitsForLiving !== true || performance.now() > deadline)) throw inUse()
        if (!first.has(id)) first.set(id, changedAtMs)
      }
      await setTimeout(LOOK_EVERY_MS * this.#pace, undefined, { signal: this.#giveUp.signal })
    }
  }

  /** Of two that start at the same moment one goes on. */
  async #yieldToTwin(): Promise<void> {
    const { databaseId, storage } = this.#options
    const twins = await this.#freshOthers()
    if (!twins.some(({ id }) => id < databaseId)) return
    await storage.remove(this.#sign(databaseId))
    throw inUse()
  }

  #tick(): void {
    this.#renewing ??= this.#keepUp()
      .catch((error: unknown) => this.#options.onFailure(error))
      .finally(() => {
        this.#renewing = undefined
      })
  }

  /** A machine that slept may have been taken for dead: then it looks before it says that it is alive. */
  async #keepUp(): Promise<void> {
    if (!this.isFresh && (await this.#freshOthers()).length > 0) {
      clearInterval(this.#timer)
      this.#options.onTakenOver(inUse())
      return
    }
    await this.#renew()
  }

  async #renew(): Promise<void> {
    const { storage, databaseId, host } = this.#options
    const started = this.#now()
    const bytes = new TextEncoder().encode(JSON.stringify({ host }))
    await storage.place([{ directory: berthLayout.databases, files: [{ name: databaseId, bytes }] }])
    this.#renewed = started
  }

  /** By the clock that went furthest: the first stands still while a machine sleeps, the second may be set, and both stop with a virtual machine. */
  #sinceRenewedMs(): number {
    const [now, renewed] = [this.#now(), this.#renewed]
    return Math.max(now.atMs - renewed.atMs, Math.abs(now.wallMs - renewed.wallMs), now.storageMs - renewed.storageMs)
  }

  #now(): Moment {
    return { atMs: performance.now(), wallMs: Date.now(), storageMs: this.#options.storageTimeMs?.() ?? 0 }
  }

  async #freshOthers() {
    const { storage, databaseId } = this.#options
    const ids = (await storage.list(berthLayout.databases)).filter((id) => id !== databaseId)
    if (ids.length === 0) return []
    const now = await this.#storageTimeMs()
    const signs = await Promise.all(ids.map(async (id) => ({ id, entry: await storage.stat(this.#sign(id)) })))
    return signs.flatMap(({ id, entry }) => {
      const isFresh = entry?.kind === 'file' && now - entry.changedAtMs < ALIVE_MS * this.#pace
      return isFresh ? [{ id, changedAtMs: entry.changedAtMs }] : []
    })
  }

  /** By a file that is written now: the clocks of machines differ. */
  async #storageTimeMs(): Promise<number> {
    const { storage } = this.#options
    const directory = berthLayout.clock
    const name = crypto.randomUUID()
    await storage.place([{ directory, files: [{ name, bytes: new Uint8Array() }] }])
    const entry = await storage.stat(storagePath(directory, name))
    await storage.remove(storagePath(directory, name))
    return entry?.changedAtMs ?? Date.now()
  }

  #sign(id: string) {
    return storagePath(berthLayout.databases, id)
  }
}

/** By the clocks of this machine, and by that of the storage. */
interface Moment {
  readonly atMs: number
  readonly wallMs: number
  readonly storageMs: number
}

function inUse(): StorageInUseError {
  return new StorageInUseError(
    'Another Berth with a metadata database of its own is at work on this storage; stop it first. Several machines can share a storage only with PostgreSQL as their metadata.',
  )
}
