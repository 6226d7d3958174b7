// Loaded into Berth before it starts (BUN_OPTIONS): the longest turn of the event loop and the longest transaction, a line for each second.
import { Database } from 'bun:sqlite'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

const directory = process.env.BERTH_BENCH_PROBE
const nothing = () => ({ turnMs: 0, turnCpuMs: 0, transactionMs: 0, transactionCpuMs: 0 })
let longest = nothing()

const now = () => {
  const { user, system } = process.threadCpuUsage()
  return { ms: performance.now(), cpuMs: (user + system) / 1000 }
}
const note = (kind, since) => {
  const { ms, cpuMs } = now()
  longest[`${kind}Ms`] = Math.max(longest[`${kind}Ms`], ms - since.ms)
  longest[`${kind}CpuMs`] = Math.max(longest[`${kind}CpuMs`], cpuMs - since.cpuMs)
}

let last = now()
setInterval(() => {
  note('turn', last)
  last = now()
}, 1).unref()
setInterval(() => {
  appendFileSync(join(directory, String(process.pid)), `${JSON.stringify({ atMs: Date.now(), ...longest })}\n`)
  longest = nothing()
}, 1000).unref()

// Every connection of a process that writes is one of the metadata; the locks begin with other words.
let begun
const prepare = Database.prototype.prepare
Database.prototype.prepare = function (sql, ...rest) {
  const statement = prepare.call(this, sql, ...rest)
  if (sql !== 'BEGIN IMMEDIATE' && sql !== 'COMMIT') return statement
  const run = statement.run.bind(statement)
  statement.run = () => {
    const result = run()
    if (sql === 'COMMIT' && begun !== undefined) note('transaction', begun)
    begun = sql === 'COMMIT' ? undefined : now()
    return result
  }
  return statement
}
