import {
  type Claim,
  type ClaimOwner,
  deleteClaims,
  findExcludingClaim,
  insertClaims,
  listClaimOwners,
  listClaimOwnersIn,
} from '../../metadata/claims.ts'
import type { Liveness } from '../../metadata/processes.ts'
import { type Metadata, nextNumber, type Query, type Stamp } from '../../metadata/query.ts'
import { RemovedLately } from '../../metadata/repeats/removed-bytes.ts'
import { type Actor, actorFields } from '../../observe/actor.ts'
import type { Log, LogFields } from '../../observe/log.ts'
import { type RegistryError, unavailable } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { StillUnderWayError } from '../../storage/storage-errors.ts'
import type { Settlement } from './settlement.ts'

/** How long a request waits for a name that another one is changing. */
const CLAIM_PATIENCE_MS = 10_000
/** The same where names stay taken for a while after a process has died: clients wait for an answer for about 30 s. */
const LATE_CLAIM_PATIENCE_MS = 20_000
const LONGEST_PAUSE_MS = 25
/** The same for bytes that were removed lately: seconds pass until they may come again. */
const REMOVED_PAUSE_MS = 250
/** What expires is known a few seconds later (`RepeatedRequests`). */
const REMOVED_PATIENCE_MS = LATE_CLAIM_PATIENCE_MS + 5_000

/** One change of the storage and the metadata, in the steps of docs/orders-of-writing.md: claim → act → confirm. */
export interface Operation<Plan, Result> {
  readonly name: string
  /** On whose behalf it is done. */
  readonly actor: Actor
  /** Set where its plan and its confirmation may be narrow transactions within this repository (`Metadata.write`). */
  readonly within?: RepositoryName | undefined
  /** Checks in the metadata that it may be done, and says what it touches. Throws RegistryError when it may not. */
  readonly plan: (query: Query, stamp: Stamp) => Promise<{ readonly claims: readonly Claim[]; readonly plan: Plan }>
  /** Changes the storage, durably. May run again after a crash or a restart of the operation. */
  readonly act: (plan: Plan) => Promise<void>
  /** Sets the rows to what the storage now is. */
  readonly confirm: (query: Query, plan: Plan, stamp: Stamp) => Promise<Result>
}

export interface OperationsOptions {
  readonly metadata: Metadata
  readonly settlement: Settlement
  readonly liveness: Liveness
  readonly processId: string
  readonly epoch: number
  /** How long the operation of a process that has died may still change the storage. */
  readonly lateMs: number
  /** The same for one of this process that has failed: it has waited for its requests, but for those that bring bytes. */
  readonly lateBytesMs: number
  /** For so long a process may still begin such a change after it is taken for dead; left out, it has ended then. */
  readonly lostForMs?: number
  readonly log: Log
}

/** Runs operations so that any number of processes may run them at once, and any of them may die at any line. */
export class Operations {
  readonly #options: OperationsOptions
  /** Own operations that failed and whose rows are not set right yet. */
  readonly #unsettled = new Set<string>()
  /** For how long those of them may still change the storage that could not wait for it. */
  readonly #underWayMs = new Map<string, number>()
  /** Since when it is known that an operation will never confirm. */
  readonly #leftSince = new Map<string, number>()
  readonly #running = new Set<Promise<unknown>>()

  constructor(options: OperationsOptions) {
    this.#options = options
  }

  /**
   * Resolves when storage and metadata say the same. Once it has begun it runs to its end, whether or not the client waits. Throws
   * what `plan` and `act` throw, and UNAVAILABLE when a name stays taken.
   */
  async perform<Plan, Result>(operation: Operation<Plan, Result>): Promise<Result> {
    const performed = this.#perform(operation)
    this.#running.add(performed)
    try {
      return await performed
    } finally {
      this.#running.delete(performed)
    }
  }

  /** Settles what dead processes and failed operations have left. Called each second and at the start. */
  async sweep(): Promise<void> {
    const owners = await listClaimOwners(this.#options.metadata.read)
    const open = new Set(owners.map(({ operation }) => operation))
    for (const operation of this.#leftSince.keys()) if (!open.has(operation)) this.#leftSince.delete(operation)
    await this.#settleLeft(owners)
  }

  /**
   * The same for one repository, at once. A delete begins with it: it must not answer 'unknown' for what a dead process has placed and
   * the next sweep brings to light.
   */
  async settleIn(repository: RepositoryName): Promise<void> {
    for (;;) {
      const owners = await listClaimOwnersIn(this.#options.metadata.read, repository)
      const waitMs = await this.#settleLeft(owners)
      if (waitMs === 0) return
      if (waitMs > this.#patienceMs) throw this.#taken()
      await Bun.sleep(waitMs)
    }
  }

  /** Waits for everything under way. */
  async finish(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  get #patienceMs(): number {
    const { lateMs, lostForMs = 0 } = this.#options
    return lateMs === 0 ? CLAIM_PATIENCE_MS : LATE_CLAIM_PATIENCE_MS + lostForMs
  }

  #taken(): RegistryError {
    const seconds = this.#patienceMs / 1000
    return unavailable(`Another request has been changing this for more than ${seconds} seconds; try again in a moment.`)
  }

  #removedLately(): RegistryError {
    return unavailable(
      'This content was removed from the storage a moment ago, and can be pushed again in a few seconds; try again then.',
    )
  }

  async #perform<Plan, Result>(operation: Operation<Plan, Result>): Promise<Result> {
    for (;;) {
      const { name: action, actor } = operation
      const owner = { operation: crypto.randomUUID(), process: this.#options.processId, action, actor }
      const plan = await this.#claim(operation, owner)
      try {
        await operation.act(plan)
        const confirmed = await this.#confirm(operation, owner, plan)
        if (confirmed !== undefined) return confirmed.result
      } catch (error) {
        if (error instanceof StillUnderWayError) this.#underWayMs.set(owner.operation, error.lateMs)
        await this.#settleAfterFailure(owner)
        throw error
      }
    }
  }

  async #claim<Plan, Result>(operation: Operation<Plan, Result>, owner: ClaimOwner): Promise<Plan> {
    const beganMs = performance.now()
    const deadline = beganMs + this.#patienceMs
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#options.metadata.write((query) => this.#tryToClaim(query, operation, owner), operation.within)
      } catch (error) {
        if (error instanceof RemovedLately && performance.now() < beganMs + REMOVED_PATIENCE_MS) {
          await Bun.sleep(REMOVED_PAUSE_MS)
          continue
        }
        if (error instanceof RemovedLately) throw this.#removedLately()
        if (!(error instanceof NameTaken)) throw error
        if (!(await this.#makeWay(error.by, attempt, deadline))) throw this.#stillTaken(error.by, operation.actor)
      }
    }
  }

  async #tryToClaim<Plan, Result>(query: Query, operation: Operation<Plan, Result>, owner: ClaimOwner): Promise<Plan> {
    const stamp = { number: await nextNumber(query), epoch: this.#options.epoch }
    const { claims, plan } = await operation.plan(query, stamp)
    const other = await findExcludingClaim(query, claims, owner.operation)
    if (other !== undefined) throw new NameTaken(other)
    await insertClaims(query, claims, owner, stamp.number)
    return plan
  }

  /** A dead owner's names are settled at once; a living one's are waited for, until the deadline: then the answer is false. */
  async #makeWay(by: ClaimOwner, attempt: number, deadline: number): Promise<boolean> {
    if ((await this.#isLeft(by)) && this.#waitFor(by) === 0) await this.#settle(by)
    else if (performance.now() > deadline) return false
    else await Bun.sleep(Math.random() * Math.min(2 ** attempt, LONGEST_PAUSE_MS))
    return true
  }

  /** The line tells of the operation that takes so long: the request that waited for it has a line of its own. */
  #stillTaken(by: ClaimOwner, waiting: Actor): RegistryError {
    this.#options.log.warn('an operation is not finished, a request waited for it in vain', {
      ...ownerFields(by),
      waiting: actorFields(waiting),
    })
    return this.#taken()
  }

  /** Undefined when the claims are gone: another process settled them, and the operation starts over. */
  async #confirm<Plan, Result>(operation: Operation<Plan, Result>, owner: ClaimOwner, plan: Plan) {
    return await this.#options.metadata.write(async (query) => {
      const [isMine, number] = await Promise.all([deleteClaims(query, owner.operation), nextNumber(query)])
      if (!isMine) return undefined
      const stamp = { number, epoch: this.#options.epoch }
      return { result: await operation.confirm(query, plan, stamp) }
    }, operation.within)
  }

  /** Settles those that will never confirm. How long to wait, in milliseconds, before the rest of them can be settled. */
  async #settleLeft(owners: readonly ClaimOwner[]): Promise<number> {
    let longestMs = 0
    for (const owner of owners) {
      if (!(await this.#isLeft(owner))) continue
      const waitMs = this.#waitFor(owner)
      longestMs = Math.max(longestMs, waitMs)
      if (waitMs === 0) await this.#settle(owner)
    }
    return longestMs
  }

  /** Whether an operation will never confirm. */
  async #isLeft({ operation, process }: ClaimOwner): Promise<boolean> {
    const { liveness, processId } = this.#options
    return process === processId ? this.#unsettled.has(operation) : !(await liveness.isAlive(process))
  }

  /** How long its requests may still arrive, counted from when it was first seen to have been left. */
  #waitFor({ operation, process }: ClaimOwner): number {
    const { lateMs, lateBytesMs, lostForMs = 0, processId } = this.#options
    const since = this.#leftSince.get(operation) ?? performance.now()
    this.#leftSince.set(operation, since)
    const arrivesMs = process === processId ? (this.#underWayMs.get(operation) ?? lateBytesMs) : lateMs + lostForMs
    return Math.max(0, Math.ceil(since + arrivesMs - performance.now()))
  }

  /** The first error is what the caller hears; what cannot be settled now is settled by the sweep. */
  async #settleAfterFailure(owner: ClaimOwner): Promise<void> {
    this.#unsettled.add(owner.operation)
    if (this.#waitFor(owner) > 0) return
    await this.#settle(owner).catch((error: unknown) => {
      this.#options.log.warn('a failed operation is not settled, it is tried again', { ...ownerFields(owner), error })
    })
  }

  async #settle(owner: ClaimOwner): Promise<void> {
    const { operation } = owner
    const isSettled = await this.#options.settlement.settle(owner)
    if (isSettled) this.#options.log.info('an operation that did not end is settled', ownerFields(owner))
    this.#unsettled.delete(operation)
    this.#underWayMs.delete(operation)
    this.#leftSince.delete(operation)
  }
}

function ownerFields({ operation, process, action, actor }: ClaimOwner): LogFields {
  return { operation, process, action, ...(actor === undefined ? {} : actorFields(actor)) }
}

/** Thrown inside the claiming transaction to roll it back: the operation waits until the name is free, and plans anew. */
export class NameTaken extends Error {
  readonly by: ClaimOwner

  constructor(by: ClaimOwner) {
    super('a name is claimed by another operation')
    this.by = by
  }
}
