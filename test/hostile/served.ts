import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'

/**
 * A registry in a process of its own, with a probe of its event loop: a timer that asks to run each millisecond. Each line on standard
 * input is answered with what was seen since the last one.
 */

const registry = await RestartableRegistry.start({
  storage: 'filesystem',
  server: process.argv[2] === 'streams' ? listenForStreams : listen,
})
let last = performance.now()
let longest = 0
const probe = setInterval(() => {
  const now = performance.now()
  longest = Math.max(longest, now - last)
  last = now
}, 1)

process.stdout.write(`${JSON.stringify({ url: registry.url })}\n`)
for await (const _ of console) {
  const longestTurnMs = longest
  Bun.gc(true)
  const uploads = await registry.storage.listUploads()
  const errors = registry.log.lines.filter(({ level }) => level === 'error').map(({ message, fields }) => ({ message, fields }))
  const seen = { longestTurnMs, rssMb: process.memoryUsage.rss() / 1e6, uploads: uploads.length, errors }
  process.stdout.write(`${JSON.stringify(seen)}\n`)
  longest = 0
  last = performance.now()
}
clearInterval(probe)
await registry[Symbol.asyncDispose]()
