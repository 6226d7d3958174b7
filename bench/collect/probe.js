// Loaded into Berth before it starts (BUN_OPTIONS): each second a line with the longest turn of the event loop, the longest transaction, and what both were made of.
import { Database } from 'bun:sqlite'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

const directory = process.env.BERTH_BENCH_PROBE
/** What takes less is not worth naming. */
const NAMED_ABOVE_MS = 5
const NAMED_STATEMENTS = 4
const NOTHING = { ms: 0, cpuMs: 0 }

const now = () => {
  const { user, system } = process.threadCpuUsage()
  return { ms: performance.now(), userMs: user / 1000, systemMs: system / 1000 }
}

/** What happened since its beginning, up to now. */
class Span {
  #began = now()
  #faults = process.resourceUsage().minorPageFault
  #idleMs = 0
  #lastMs = this.#began.ms
  #statements = new Map()
  /** Weak references keep what they name to the end of a turn: whether it was collected shows at the next one. */
  #witness = new WeakRef({})

  count(sql, fromMs, toMs, rows) {
    const { times, ms, found } = this.#statements.get(sql) ?? { times: 0, ms: 0, found: 0 }
    this.#statements.set(sql, { times: times + 1, ms: ms + toMs - fromMs, found: found + rows })
    this.#idleMs = Math.max(this.#idleMs, fromMs - this.#lastMs)
    this.#lastMs = toMs
  }

  end() {
    const { ms, userMs, systemMs } = now()
    const { ms: beganMs, userMs: beganUserMs, systemMs: beganSystemMs } = this.#began
    const [user, system] = [userMs - beganUserMs, systemMs - beganSystemMs]
    const took = { ms: ms - beganMs, cpuMs: user + system }
    if (Math.max(took.ms, took.cpuMs) < NAMED_ABOVE_MS) return took
    return { ...took, made: this.#made(ms, user, system) }
  }

  #made(ms, user, system) {
    const withoutMs = Math.max(this.#idleMs, ms - this.#lastMs)
    const statements = [...this.#statements].sort(([, one], [, other]) => other.ms - one.ms)
    return {
      user,
      system,
      faults: process.resourceUsage().minorPageFault - this.#faults,
      collected: this.#witness.deref() === undefined,
      // The longest while in which no statement ran.
      withoutMs,
      statements: statements.slice(0, NAMED_STATEMENTS).map(([sql, facts]) => ({ sql: textOf(sql), ...facts })),
    }
  }
}

function textOf(sql) {
  return sql.replaceAll(/\s+/g, ' ').slice(0, 90)
}

let longest = { turn: NOTHING, transaction: NOTHING, turnCpuMs: 0, transactionCpuMs: 0 }
const note = (kind, span) => {
  const ended = span.end()
  longest[`${kind}CpuMs`] = Math.max(longest[`${kind}CpuMs`], ended.cpuMs)
  if (ended.ms > longest[kind].ms) longest[kind] = ended
}

let turn = new Span()
setInterval(() => {
  note('turn', turn)
  turn = new Span()
}, 1).unref()
setInterval(() => {
  const { turn, transaction, turnCpuMs, transactionCpuMs } = longest
  const line = {
    atMs: Date.now(),
    turnMs: turn.ms,
    turnCpuMs,
    transactionMs: transaction.ms,
    transactionCpuMs,
    turn,
    transaction,
  }
  appendFileSync(join(directory, String(process.pid)), `${JSON.stringify(line)}\n`)
  longest = { turn: NOTHING, transaction: NOTHING, turnCpuMs: 0, transactionCpuMs: 0 }
}, 1000).unref()

// Every connection of a process that writes is one of the metadata; the locks begin with other words.
let transaction
const prepare = Database.prototype.prepare
Database.prototype.prepare = function (sql, ...rest) {
  const statement = prepare.call(this, sql, ...rest)
  for (const method of ['all', 'get', 'run']) {
    const run = statement[method].bind(statement)
    statement[method] = (...values) => {
      const fromMs = performance.now()
      const result = run(...values)
      const toMs = performance.now()
      const rows = Array.isArray(result) ? result.length : 0
      turn.count(sql, fromMs, toMs, rows)
      transaction?.count(sql, fromMs, toMs, rows)
      if (sql === 'COMMIT' && transaction !== undefined) note('transaction', transaction)
      if (sql === 'COMMIT') transaction = undefined
      if (sql === 'BEGIN IMMEDIATE') transaction = new Span()
      return result
    }
  }
  return statement
}
