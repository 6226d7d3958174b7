/**
 * A model of transactions that run side by side over one database and one storage, small enough that every order of their steps is tried. Each statement
 * sees what was committed before it; a row that another open transaction has written is waited for.
 */

/** What keeps operations apart. A run leaves out one of them, to see that it is needed. */
export interface TurnRules {
  /** Narrow transactions share a turn with each other. */
  readonly narrowShare: boolean
  /** Whole ones have the turn alone. */
  readonly wholeAlone: boolean
  /** Narrow ones of one repository run one after the other. */
  readonly oneByOne: boolean
  /** A confirmation draws a number of its own. */
  readonly drawnAnew: boolean
  /** A number that is drawn later is larger, in whatever session. */
  readonly oneSequence: boolean
  /** What was seen is told by a number that is read while no other transaction is under way. */
  readonly settled: boolean
  readonly skipsNewer: boolean
  /** A removal takes nothing that an operation has claimed. */
  readonly sparesClaimed: boolean
  /** What was written to the storage goes by its keys, not up to a number. */
  readonly byKeys: boolean
}

export const ALL_RULES: TurnRules = {
  ...{ narrowShare: true, wholeAlone: true, oneByOne: true, drawnAnew: true, oneSequence: true, settled: true },
  ...{ skipsNewer: true, sparesClaimed: true, byKeys: true },
}

type Value = string | number | readonly string[] | null

interface World {
  drawn: number
  /** Where sessions keep numbers for later: the next one of each. */
  kept: Record<string, number>
  whole: string | null
  readonly shared: Record<string, true>
  readonly named: Record<string, string>
  readonly rows: Record<string, Value>
  readonly open: Record<string, Record<string, Value>>
  readonly storage: Record<string, Value>
  readonly memory: Record<string, Record<string, Value>>
  readonly at: Record<string, number>
}

const MOST_STATES = 100_000

class Waits extends Error {}

/** What one actor does in a step. */
export class Acting {
  readonly #world: World
  readonly #actor: string
  readonly #rules: TurnRules

  constructor(world: World, actor: string, rules: TurnRules) {
    this.#world = world
    this.#actor = actor
    this.#rules = rules
  }

  /** Undefined: a whole one. */
  begin(within?: string): void {
    const { shared, named } = this.#world
    const isFree = this.#world.whole === null
    if (within === undefined) {
      if (this.#rules.wholeAlone) {
        if (!isFree || Object.keys(shared).length > 0) throw new Waits()
        this.#world.whole = this.#actor
      }
    } else {
      if (this.#rules.narrowShare) {
        if (!isFree) throw new Waits()
        shared[this.#actor] = true
      }
      if (this.#rules.oneByOne) {
        if (named[within] !== undefined) throw new Waits()
        named[within] = this.#actor
      }
    }
    this.#world.open[this.#actor] = {}
  }

  /** Outside of a transaction. */
  waitUntil(isSo: boolean): void {
    if (!isSo) throw new Waits()
  }

  draw(): number {
    const { kept } = this.#world
    if (this.#rules.oneSequence) {
      this.#world.drawn += 1
      return this.#world.drawn
    }
    let next = kept[this.#actor]
    if (next === undefined || next % 2 === 1) {
      next = this.#world.drawn + 1
      this.#world.drawn += 2
    }
    kept[this.#actor] = next + 1
    return next
  }

  /** The number drawn last; settled, or at whatever moment. */
  lastNumber(): number {
    const isUnderWay = this.#world.whole !== null || Object.keys(this.#world.shared).length > 0
    const isMine = this.#world.whole === this.#actor
    if (this.#rules.settled && isUnderWay && !isMine) throw new Waits()
    return this.#world.drawn
  }

  row(key: string): Value {
    return this.#world.open[this.#actor]?.[key] ?? this.#world.rows[key] ?? null
  }

  rowsOf(kind: string): readonly string[] {
    return Object.keys(this.#world.rows).filter((key) => key.startsWith(`${kind} `) && this.row(key) !== '')
  }

  set(key: string, value: Value): void {
    const { open } = this.#world
    for (const [actor, rows] of Object.entries(open)) if (actor !== this.#actor && key in rows) throw new Waits()
    const mine = open[this.#actor]
    if (mine === undefined) throw new Error('no transaction is open')
    mine[key] = value
  }

  commit(): void {
    Object.assign(this.#world.rows, this.#world.open[this.#actor])
    this.#end()
  }

  /** It does all of it once more from this step on. */
  rollBackTo(step: number): void {
    this.#end()
    this.#world.at[this.#actor] = step
  }

  place(name: string, value: Value): void {
    this.#world.storage[name] = value
  }

  look(name: string): Value {
    return this.#world.storage[name] ?? null
  }

  note(name: string, value: Value): void {
    const memory = this.#world.memory[this.#actor] ?? {}
    memory[name] = value
    this.#world.memory[this.#actor] = memory
  }

  noted(name: string): Value {
    return this.#world.memory[this.#actor]?.[name] ?? null
  }

  get rules(): TurnRules {
    return this.#rules
  }

  /** It does nothing more. */
  stop(): void {
    this.#world.at[this.#actor] = Number.POSITIVE_INFINITY
  }

  #end(): void {
    delete this.#world.open[this.#actor]
    delete this.#world.shared[this.#actor]
    if (this.#world.whole === this.#actor) this.#world.whole = null
    for (const [name, actor] of Object.entries(this.#world.named)) if (actor === this.#actor) delete this.#world.named[name]
  }
}

export type Step = (acting: Acting) => void

export interface Scenario {
  readonly actors: Readonly<Record<string, readonly Step[]>>
  readonly rows?: Readonly<Record<string, Value>>
  readonly storage?: Readonly<Record<string, Value>>
  /** What is wrong when all have ended; undefined: nothing. */
  readonly wrong: (end: Pick<World, 'rows' | 'storage' | 'memory'>) => string | undefined
}

/** Tries every order of steps. What went wrong first, if anything; how many states there are. */
export function tryAll({ actors, rows, storage, wrong }: Scenario, rules: TurnRules) {
  const begin: World = {
    ...{ drawn: 0, kept: {}, whole: null, shared: {}, named: {}, open: {}, memory: {} },
    ...{ rows: { ...rows }, storage: { ...storage }, at: Object.fromEntries(Object.keys(actors).map((actor) => [actor, 0])) },
  }
  const seen = new Set<string>()
  const waiting = [JSON.stringify(begin)]
  for (let text = waiting.pop(); text !== undefined; text = waiting.pop()) {
    if (seen.has(text)) continue
    seen.add(text)
    if (seen.size > MOST_STATES) throw new Error('the model has no end')
    const world = JSON.parse(text) as World
    const active = Object.keys(actors).filter((actor) => (world.at[actor] ?? 0) < (actors[actor]?.length ?? 0))
    const next = active.flatMap((actor) => after(text, actor, actors[actor] ?? [], rules) ?? [])
    waiting.push(...next)
    const stuck = next.length === 0 ? `${active.join(', ')} wait for each other` : undefined
    const found = active.length === 0 ? wrong(world) : stuck
    if (found !== undefined) return { states: seen.size, wrong: found }
  }
  return { states: seen.size, wrong: undefined }
}

/** The world after the next step of an actor; undefined where it has to wait. */
function after(text: string, actor: string, steps: readonly Step[], rules: TurnRules): string | undefined {
  const world = JSON.parse(text) as World
  const at = world.at[actor] ?? 0
  // A number without end is none in JSON.
  world.at[actor] = at + 1
  try {
    steps[at]?.(new Acting(world, actor, rules))
  } catch (error) {
    if (error instanceof Waits) return undefined
    throw error
  }
  if (!Number.isFinite(world.at[actor])) world.at[actor] = steps.length
  return JSON.stringify(world)
}
