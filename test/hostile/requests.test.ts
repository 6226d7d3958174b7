import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { poll } from '../support/processes.ts'
import { HostileRegistry, type Seen } from './hostile-registry.ts'
import { HOSTILE, pushAndPull, pushConfig } from './hostile-requests.ts'

setDefaultTimeout(3_600_000)

/** `BERTH_HOSTILE_SCALE=64` sends what by-hand figures are made of, and prints them; `BERTH_HOSTILE_ROUNDS=5` so many times. */
const SCALE = Number(process.env.BERTH_HOSTILE_SCALE ?? 1)
const ROUNDS = Number(process.env.BERTH_HOSTILE_ROUNDS ?? 1)

describe.each(['files', 'streams'] as const)('hostile requests to the server of %s', (kind) => {
  const resources = new AsyncDisposableStack()
  let registry: HostileRegistry
  let before: Seen

  beforeAll(async () => {
    registry = resources.use(await HostileRegistry.start(kind))
    await pushConfig(registry.url)
    await pushAndPull(registry.url, SCALE > 1 ? 1_000 : 10)
    if (SCALE > 1) await Bun.sleep(5_000)
    before = await registry.seen()
  })
  afterAll(async () => await resources.disposeAsync())

  test.each(HOSTILE.map((requests) => [requests.title, requests] as const))(
    '%s are answered, leave nothing, and others are served',
    async (title, { send, expected }) => {
      const rounds: Seen[] = []
      for (let round = 0; round < ROUNDS; round += 1) {
        const answers = await send(registry.url, SCALE)

        expect(new Set(answers)).toEqual(new Set([expected]))
        expect((await fetch(`${registry.url}/v2/`)).status).toBe(200)
        const seen = await registry.seen()
        expect(underWay(seen)).toEqual({ upload: 0, claim: 0, scan: 0, errors: [] })
        await endOfFiles(seen)
        rounds.push(seen)
      }
      if (SCALE > 1) process.stdout.write(`| ${kind} | ${title} | ${figures(rounds)} |\n`)
    },
  )

  /** The registry stages a file of its own every few seconds, for the history of tags. */
  async function endOfFiles(seen: Seen): Promise<void> {
    if (seen.files === 0) return
    await poll('no file is left', 60_000, async () => (await registry.seen()).files === 0 || undefined)
  }

  test('all of them leave no connection behind, but for those that wait for their next request', async () => {
    // The client of the test keeps its own open: as many as it had at once.
    await poll('connections end', 90_000, async () => (await registry.seen()).sockets <= before.sockets + 100 || undefined)

    if (SCALE > 1) await Bun.sleep(5_000)
    const { rssMb } = await registry.seen()
    if (SCALE > 1)
      process.stdout.write(`| ${kind} | memory before, after | ${before.rssMb.toFixed(0)}, ${rssMb.toFixed(0)} MB |\n`)
  })
})

function underWay({ rows: { upload, claim, scan }, errors }: Seen) {
  return { upload, claim, scan, errors }
}

/** Longest turn, median and worst, in milliseconds and of the processor; memory after. */
function figures(rounds: readonly Seen[]): string {
  const shown = (of: (seen: Seen) => number) => {
    const sorted = rounds.map(of).sort((one, other) => one - other)
    return `${sorted[Math.floor(sorted.length / 2)]?.toFixed(0)}, ${sorted.at(-1)?.toFixed(0)}`
  }
  return [shown((seen) => seen.longestTurnMs), shown((seen) => seen.longestTurnCpuMs), rounds.at(-1)?.rssMb.toFixed(0)].join(
    ' | ',
  )
}
