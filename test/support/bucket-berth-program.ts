import { startApp } from '../../src/composition/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { createLog } from '../../src/observe/create-log.ts'
import { standardError } from '../../src/observe/standard-stream.ts'

/** One process of `berth serve <configuration>`, but for the seconds after which its requests to the object store expire: tests wait for that. */
const [, , path = '', seconds] = process.argv
const { config } = loadConfig({ path, environment: {} })
const log = createLog({ level: 'info', formatter: 'text', fields: {} }, standardError())
const asked = Promise.withResolvers<void>()
process.once('SIGTERM', () => asked.resolve())
const app = await startApp(config, log, { expiresSeconds: Number(seconds) })
log.info('listening', { url: app.url })
await Promise.race([asked.promise, app.failed.then((error) => Promise.reject(error))])
await app.stop({ timeoutMs: config.http.drainTimeoutMs })
process.exit(0)
