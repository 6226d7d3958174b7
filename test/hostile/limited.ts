import { startApp } from '../../src/composition/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { RecordedLog } from '../support/recorded-log.ts'

/**
 * A registry in a process of its own, whose descriptors are limited by what starts it: the first word is the server, the second the
 * configuration. The end of standard input ends it, and then it says which errors it has logged, and what it has said of descriptors.
 */

const [, , kind, path = ''] = process.argv
const { config } = loadConfig({ path, environment: {} })
const log = new RecordedLog()
const server = kind === 'streams' ? listenForStreams : listen
const accessOutput = { write: () => undefined, end: async () => undefined }
const app = await startApp(config, log, { server, accessOutput })
process.stdout.write(`${JSON.stringify({ url: app.url })}\n`)
for await (const _ of process.stdin) {
  // Nothing is asked.
}
await app.stop({ timeoutMs: 0 })
const failures = log.lines.filter(({ level }) => level === 'error').map(({ message, fields }) => `${message} ${fields?.error}`)
const descriptors = log.lines.filter(({ message }) => message.includes('descriptors')).map(({ message }) => message)
process.stdout.write(`${JSON.stringify({ failures, descriptors })}\n`)
