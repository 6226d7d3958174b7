import { type DiskCall, type DiskHook, isChange } from './held-disk.ts'

const REACHED_MS = 30_000

/** A place where work waits until the test lets it go on. */
export class Gate {
  readonly #reached = Promise.withResolvers<void>()
  readonly #opened = Promise.withResolvers<void>()

  /** Called by the work. */
  async pass(): Promise<void> {
    this.#reached.resolve()
    await this.#opened.promise
  }

  open(): void {
    this.#opened.resolve()
  }

  /** Resolves when the work waits here. Throws after half a minute. */
  async reached(): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('nothing came to the gate in half a minute')), REACHED_MS)
    try {
      await Promise.race([this.#reached.promise, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Holds the first call that fits at a gate, before it is done or after; other calls go on. */
export function holdFirst(gate: Gate, phase: 'before' | 'after', fits: RegExp | ((call: DiskCall) => boolean)): DiskHook {
  const matches = typeof fits === 'function' ? fits : (call: DiskCall) => fits.test(call)
  let isUsed = false
  return (call, at) => {
    if (isUsed || at !== phase || !matches(call)) return undefined
    isUsed = true
    return gate.pass()
  }
}

/** After so many changes every call waits for ever at the gate, as in a process that was killed. */
export function dyingAfter(changes: number, died: Gate): DiskHook {
  let done = 0
  return (call, phase) => {
    if (done >= changes && (phase === 'before' || changes > 0)) return died.pass()
    if (phase === 'before' || !isChange(call)) return undefined
    done += 1
    return done >= changes ? died.pass() : undefined
  }
}
