import { join } from 'node:path'
import type { Job, JobReport } from './connection.ts'

export interface LoadResult {
  /** From the word to the end of the last connection. */
  readonly seconds: number
  /** What the generator itself has used. */
  readonly cpuSeconds: number
}

interface Connection {
  readonly ready: Promise<void>
  readonly done: Promise<JobReport>
  readonly go: () => void
}

/** Runs the jobs side by side, each in a process of its own, all from the same moment. Throws when one of them fails. */
export async function runConnections(jobs: readonly Job[], folder: string): Promise<LoadResult> {
  const load = await openConnections(jobs, folder)
  return await load.run()
}

/** Connections that wait for the word. */
export async function openConnections(jobs: readonly Job[], folder: string): Promise<{ run(): Promise<LoadResult> }> {
  const connections = await Promise.all(jobs.map((job) => startConnection(job, folder)))
  await Promise.all(connections.map(({ ready }) => ready))
  return {
    run: async () => {
      const startedAt = performance.now()
      for (const { go } of connections) go()
      const reports = await Promise.all(connections.map(({ done }) => done))
      const seconds = (performance.now() - startedAt) / 1000
      const failed = reports.find(({ error }) => error !== undefined)
      if (failed !== undefined) throw new Error(`a connection failed: ${failed.error}`)
      return {
        seconds,
        cpuSeconds: reports.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      }
    },
  }
}

async function startConnection(job: Job, folder: string): Promise<Connection> {
  const path = join(folder, `job-${crypto.randomUUID()}.json`)
  await Bun.write(path, JSON.stringify(job))
  const ready = Promise.withResolvers<void>()
  const done = Promise.withResolvers<JobReport>()
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'connection.ts'), path], {
    stdio: ['ignore', 'inherit', 'inherit'],
    ipc: (message) => {
      if (message === 'ready') ready.resolve()
      else done.resolve(message as JobReport)
    },
    onExit: (_, code) => {
      const ended = new Error(`a connection ended with ${code}`)
      ready.reject(ended)
      done.reject(ended)
    },
  })
  done.promise.catch(() => undefined)
  return { ready: ready.promise, done: done.promise, go: () => child.send('go') }
}
