import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { setTimeout } from 'node:timers/promises'
import { Gate } from '../../test/support/gate.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { listDutyHolders, takeDuty } from '../metadata/duties.ts'
import { prepareFile } from '../metadata/sqlite/database-file.ts'
import { LifeLocks } from '../metadata/sqlite/life-lock.ts'
import { SqliteMetadata } from '../metadata/sqlite/sqlite.ts'
import { Duties } from './duties.ts'

const HOLDER = `${import.meta.dir}/../../test/support/life-lock-holder.ts`
const FOR_EVER_MS = 3_600_000

let folder: TemporaryFolder
let locks: LifeLocks
let processes: Process[]

beforeEach(async () => {
  folder = new TemporaryFolder()
  prepareFile({ path: folder.join('metadata.db'), isOwnPlace: true }, 'store')
  locks = await LifeLocks.open(folder.join('run'))
  processes = []
})
afterEach(async () => {
  for (const process of processes) await process.end()
  folder[Symbol.dispose]()
})

/** One that works at the duties 'scan' and 'uploads' until it is told to end, as a process with connections and a lock of its own. */
class Process {
  readonly id: string
  readonly metadata: SqliteMetadata
  readonly duties: Duties
  readonly failures: unknown[] = []
  /** The work that is under way, by name, with the signal that it was given. */
  readonly working = new Map<string, AbortSignal>()
  begun = 0
  failsWith: Error | undefined
  /** What a run waits for after its signal has aborted. */
  lastStep: Promise<unknown> = Promise.resolve()

  constructor(id: string) {
    this.id = id
    this.metadata = new SqliteMetadata(folder.join('metadata.db'))
    locks.hold(id, { database: '', path: '' })
    this.duties = new Duties({
      duties: ['scan', 'uploads'].map((name) => ({ name, everyMs: FOR_EVER_MS, run: (signal) => this.#work(name, signal) })),
      metadata: this.metadata,
      liveness: locks,
      processId: id,
      onFailure: (_, error) => this.failures.push(error),
    })
    processes.push(this)
  }

  async end(): Promise<void> {
    processes = processes.filter((process) => process !== this)
    await this.duties.stop()
    await this.metadata.close()
    locks.release(this.id)
  }

  async #work(name: string, signal: AbortSignal): Promise<void> {
    this.begun += 1
    if (this.failsWith !== undefined) throw this.failsWith
    this.working.set(name, signal)
    await setTimeout(FOR_EVER_MS, undefined, { signal }).catch(() => undefined)
    await this.lastStep
    this.working.delete(name)
  }
}

async function holders(): Promise<Record<string, string>> {
  const [process] = processes
  if (process === undefined) throw new Error('no process is left')
  return Object.fromEntries((await listDutyHolders(process.metadata.read)).map((row) => [row.duty, row.process]))
}

test('each duty has one holder among many processes, however often they look', async () => {
  const all = Array.from({ length: 5 }, (_, number) => new Process(`p${number}`))

  for (let round = 0; round < 3; round += 1) await Promise.all(all.map(({ duties }) => duties.look()))

  const working = all.flatMap((process) => [...process.working.keys()])
  expect(working.sort()).toEqual(['scan', 'uploads'])
  for (const process of all) {
    for (const name of process.working.keys()) expect((await holders())[name]).toBe(process.id)
    expect(process.duties.states().every(({ hasHolder }) => hasHolder)).toBe(true)
    expect(process.failures).toEqual([])
  }
})

describe('a duty is handed over', () => {
  test('at a stop: it ends here first, and the next look of another process takes it', async () => {
    const [first, second] = [new Process('first'), new Process('second')]
    await first.duties.look()
    await second.duties.look()
    expect([...first.working.keys()]).toEqual(['scan', 'uploads'])
    const gate = new Gate()
    first.lastStep = gate.pass()

    const stopped = first.duties.stop()
    await second.duties.look()
    expect(second.working.size).toBe(0)
    gate.open()
    await stopped
    await second.duties.look()

    expect(first.working.size).toBe(0)
    expect([...second.working.keys()]).toEqual(['scan', 'uploads'])
    expect(await holders()).toEqual({ scan: 'second', uploads: 'second' })
  })

  test('by the timer of another process, soon', async () => {
    const [first, second] = [new Process('first'), new Process('second')]
    first.duties.start()
    await until(() => first.working.size === 2)
    second.duties.start()

    await first.end()

    await until(() => second.working.size === 2)
  })

  test('at a stop before anything was taken, and once more', async () => {
    const process = new Process('only')
    process.duties.start()

    await process.duties.stop()
    await process.duties.stop()

    expect(await holders()).toEqual({})
    expect(process.working.size).toBe(0)
  })
})

test('a duty of a process that was killed is taken by the next look, and not while it lives', async () => {
  const other = Bun.spawn([process.execPath, HOLDER, folder.join('run'), 'life', 'other'], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    timeout: 60_000,
  })
  await other.stdout.getReader().read()
  const survivor = new Process('survivor')
  await survivor.metadata.write((query) => takeDuty(query, 'scan', 'other', undefined))

  await survivor.duties.look()
  expect([...survivor.working.keys()]).toEqual(['uploads'])
  other.kill('SIGKILL')
  await other.exited
  await survivor.duties.look()

  expect([...survivor.working.keys()].sort()).toEqual(['scan', 'uploads'])
  expect(await holders()).toEqual({ scan: 'survivor', uploads: 'survivor' })
})

describe('a process that has lost a duty', () => {
  test('ends its work, and begins anew only when that has ended and the duty is free', async () => {
    const [first, second] = [new Process('first'), new Process('second')]
    await first.duties.look()
    const gate = new Gate()
    first.lastStep = gate.pass()
    await first.metadata.write((query) => query.run("UPDATE duty SET process = 'second' WHERE name = 'scan'"))

    await first.duties.look()
    expect(first.working.get('scan')?.aborted).toBe(true)
    expect(first.working.get('uploads')?.aborted).toBe(false)
    await second.end()
    await first.duties.look()
    expect(first.begun).toBe(2)

    gate.open()
    await until(() => !first.working.has('scan'))
    await first.duties.look()
    expect(first.working.get('scan')?.aborted).toBe(false)
    expect(first.begun).toBe(3)
  })
})

test('a duty that fails is told, and stays with its holder', async () => {
  const process = new Process('only')
  process.failsWith = new Error('EIO')

  await process.duties.look()
  await until(() => process.failures.length === 2)

  expect(process.duties.states()).toEqual([
    { name: 'scan', hasHolder: true, isHeldHere: true, hasFailed: true, finishedAtMs: expect.any(Number) },
    { name: 'uploads', hasHolder: true, isHeldHere: true, hasFailed: true, finishedAtMs: expect.any(Number) },
  ])
})

/** Looks again in each turn of the event loop, for half a minute. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not come about in half a minute')
    await setTimeout(1)
  }
}
