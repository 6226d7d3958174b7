/** GETs at a fixed rate, whatever the server does: each is sent when its time has come, and none waits for the one before. Ends with its input. */

export interface PacedLoad {
  readonly url: string
  /** Of each kind one path is asked for each `everyMs`, in turn. */
  readonly kinds: Readonly<Record<string, readonly string[]>>
  readonly everyMs: number
  readonly accept: string
}

export interface PacedTimes {
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of each request, the shortest first. */
  readonly ms: readonly number[]
}

/** By kind. */
export type PacedReport = Readonly<Record<string, PacedTimes>>

async function run({ url, kinds, everyMs, accept }: PacedLoad, isOver: () => boolean): Promise<PacedReport> {
  const durations = Object.keys(kinds).map((kind) => ({ kind, paths: kinds[kind] ?? [], ms: [] as number[] }))
  const pending = new Set<Promise<void>>()
  const startedAt = performance.now()
  for (let turn = 0; !isOver(); turn += 1) {
    for (const { paths, ms } of durations) {
      const asked = ask(`${url}${paths[turn % paths.length]}`, accept).then((took) => void ms.push(took))
      pending.add(asked)
      void asked.finally(() => pending.delete(asked)).catch(() => undefined)
    }
    await Bun.sleep(Math.max(0, startedAt + (turn + 1) * everyMs - performance.now()))
  }
  await Promise.all(pending)
  return Object.fromEntries(durations.map(({ kind, ms }) => [kind, reportOf(ms)]))
}

async function ask(url: string, accept: string): Promise<number> {
  const sentAt = performance.now()
  const response = await fetch(url, { headers: { Accept: accept } })
  await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
  return performance.now() - sentAt
}

function reportOf(durations: number[]): PacedTimes {
  durations.sort((one, other) => one - other)
  const at = (part: number) => durations[Math.floor(durations.length * part)] ?? 0
  return { requests: durations.length, p50Ms: at(0.5), p99Ms: at(0.99), ms: durations }
}

const input = console[Symbol.asyncIterator]()
const load = JSON.parse((await input.next()).value ?? '') as PacedLoad
let isOver = false
void input.next().then(() => {
  isOver = true
})
const report = JSON.stringify(await run(load, () => isOver))
// An exit cuts off what the pipe has not taken yet.
process.stdout.write(report, () => process.exit(0))
