import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { HostileRegistry } from './hostile-registry.ts'
import { HOSTILE, pushConfig } from './hostile-requests.ts'

setDefaultTimeout(120_000)

/** `BERTH_HOSTILE_SCALE=64` sends what by-hand figures are made of, and prints them. */
const SCALE = Number(process.env.BERTH_HOSTILE_SCALE ?? 1)

describe.each(['files', 'streams'] as const)('hostile requests to the server of %s', (kind) => {
  const resources = new AsyncDisposableStack()
  let registry: HostileRegistry

  beforeAll(async () => {
    registry = resources.use(await HostileRegistry.start(kind))
    await pushConfig(registry.url)
    await registry.seen()
  })
  afterAll(async () => await resources.disposeAsync())

  test.each(HOSTILE.map((requests) => [requests.title, requests] as const))(
    '%s are answered, leave nothing, and others are served',
    async (title, { send, expected }) => {
      const answers = await send(registry.url, SCALE)

      expect(new Set(answers)).toEqual(new Set([expected]))
      expect((await fetch(`${registry.url}/v2/`)).status).toBe(200)
      const { uploads, errors, longestTurnMs, rssMb } = await registry.seen()
      expect({ uploads, errors }).toEqual({ uploads: 0, errors: [] })
      if (SCALE > 1) process.stdout.write(`| ${kind} | ${title} | ${longestTurnMs.toFixed(0)} | ${rssMb.toFixed(0)} |\n`)
    },
  )
})
