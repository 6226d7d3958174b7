import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import type { RecordedLine } from '../support/recorded-log.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import type { Seen } from './hostile-registry.ts'

/**
 * A registry in a process of its own, with a probe of its event loop: a timer that asks to run each millisecond. Each line on standard
 * input is answered with what was seen since the last one.
 */

const registry = await RestartableRegistry.start({
  storage: 'filesystem',
  server: process.argv[2] === 'streams' ? listenForStreams : listen,
})
const errors: RecordedLine[] = []
let last = now()
let longest = { ms: 0, cpuMs: 0 }
const probe = setInterval(() => {
  const present = now()
  longest = { ms: Math.max(longest.ms, present.ms - last.ms), cpuMs: Math.max(longest.cpuMs, present.cpuMs - last.cpuMs) }
  last = present
}, 1)
const sweep = setInterval(takeErrors, 1000)

process.stdout.write(`${JSON.stringify({ url: registry.url })}\n`)
for await (const _ of console) {
  const { ms: longestTurnMs, cpuMs: longestTurnCpuMs } = longest
  Bun.gc(true)
  takeErrors()
  const seen: Seen = {
    ...{ longestTurnMs, longestTurnCpuMs, rssMb: process.memoryUsage.rss() / 1e6 },
    ...{ files: filesLeft(), rows: await rowsLeft(), sockets: sockets() },
    errors: errors.map(({ message, fields }) => ({ message, fields })),
  }
  process.stdout.write(`${JSON.stringify(seen)}\n`)
  longest = { ms: 0, cpuMs: 0 }
  last = now()
}
clearInterval(probe)
clearInterval(sweep)
await registry[Symbol.asyncDispose]()

/** What a turn takes of the processor does not depend on what else runs on the machine. */
function now() {
  const { user, system } = process.threadCpuUsage()
  return { ms: performance.now(), cpuMs: (user + system) / 1000 }
}

/** A million lines of other kinds would be what grows. */
function takeErrors(): void {
  errors.push(...registry.log.lines.splice(0).filter(({ level }) => level === 'error'))
}

/** Below the working places: uploads, what is staged, and what waits to be removed. */
function filesLeft(): number {
  const places = ['uploads', 'staging', 'trash'].map((place) => join(registry.dataDirectory, 'berth', place))
  return places.reduce((sum, place) => sum + readdirSync(place).length, 0)
}

/** Of the tables that hold what is under way, and of those that hold what is kept. */
async function rowsLeft(): Promise<Readonly<Record<string, number>>> {
  const rows = await registry.metadata.read.all<{ name: string; count: number }>(
    `SELECT 'upload' AS name, count(*) AS count FROM upload UNION ALL SELECT 'claim', count(*) FROM claim
     UNION ALL SELECT 'scan', count(*) FROM scan UNION ALL SELECT 'repository', count(*) FROM repository
     UNION ALL SELECT 'tag', count(*) FROM tag UNION ALL SELECT 'manifest', count(*) FROM manifest
     UNION ALL SELECT 'link', count(*) FROM link`,
  )
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]))
}

function sockets(): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:')
    } catch {
      // The descriptor of this list itself.
      return false
    }
  }).length
}
