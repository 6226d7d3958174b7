import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { readdir, readlink } from 'node:fs/promises'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { poll } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const DEBUG = '  debug: {addr: "127.0.0.1:0", prometheus: {enabled: true}}\n'
const DUTIES = [
  'collector',
  'facts',
  'history',
  'inside',
  'leftovers',
  'notifications',
  'pulls',
  'remarks',
  'scan',
  'tombstones',
  'uploads',
]
const WAIT_MS = 90_000

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'each duty has one holder, another one after its process got %s, and health and metrics say so',
  async (signal) => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({ folder, processes: 3, moreConfig: DEBUG, expectsFaults: true })
    const debugUrl = await berth.debugUrl()
    const first = await poll('every duty has a holder', WAIT_MS, async () => await holders(berth, folder))
    const victim = first.get('scan') ?? 0
    const lost = DUTIES.filter((name) => first.get(name) === victim)

    process.kill(victim, signal)

    const next = await poll('what it did has another holder', WAIT_MS, async () => {
      const found = await holders(berth, folder)
      return found !== undefined && lost.every((name) => found.get(name) !== victim) ? found : undefined
    })
    expect([...next.keys()].sort()).toEqual(DUTIES)
    await poll('health and metrics name one holder for each', WAIT_MS, async () => {
      const { duties } = (await (await fetch(`${debugUrl}/readyz`)).json()) as { readonly duties: Record<string, string> }
      const metrics = await (await fetch(`${debugUrl}/metrics`)).text()
      const held = DUTIES.map((name) => metrics.includes(`berth_duty_held{duty="${name}"} 1\n`))
      const failing = DUTIES.map((name) => metrics.includes(`berth_duty_failing{duty="${name}"} 0\n`))
      const isAllHeld = DUTIES.every((name) => duties[name] === 'held') && [...held, ...failing].every(Boolean)
      return isAllHeld ? true : undefined
    })
  },
  90_000,
)

/** The process that holds each duty, by the lock file that it has open; undefined while a holder is no living worker. */
async function holders(berth: BerthProcess, folder: TemporaryFolder): Promise<ReadonlyMap<string, number> | undefined> {
  const database = new Database(folder.join('data/berth/metadata.db'), { readwrite: true })
  const rows = database.query<{ name: string; process: string }, []>('SELECT name, process FROM duty').all()
  database.close()
  const workers = await berth.workers()
  const found = new Map<string, number>()
  for (const { name, process } of rows) {
    for (const pid of workers) if (await hasOpen(pid, `${process}.lock`)) found.set(name, pid)
  }
  return found.size === DUTIES.length ? found : undefined
}

async function hasOpen(pid: number, name: string): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  return targets.some((target) => target.endsWith(`/${name}`))
}
