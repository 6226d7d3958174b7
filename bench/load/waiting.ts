import { join } from 'node:path'
import { atEnd } from '../leftovers.ts'
import { ASKED, type WaitingLoad, type WaitingReport } from './waiting-clients.ts'

export interface WaitingClients {
  /** Throws when one of them does not get all bytes. */
  report(): Promise<WaitingReport>
}

/** Clients that have asked, all of them, when this resolves. */
export async function startWaiting(load: WaitingLoad): Promise<WaitingClients> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'waiting-clients.ts')], {
    stdio: [new Blob([JSON.stringify(load)]), 'pipe', 'inherit'],
    // Each registry has a session of its own: the kernel shares the machine out by session.
    detached: true,
  })
  const isEnded = atEnd(() => child.kill())
  const lines = linesOf(child.stdout)
  if ((await lines.next()).value !== ASKED) throw new Error('the clients could not ask')
  return {
    report: async () => {
      const { value } = await lines.next()
      isEnded()
      if ((await child.exited) !== 0 || value === undefined) throw new Error('the clients failed')
      return JSON.parse(value) as WaitingReport
    },
  }
}

async function* linesOf(output: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const part of output) {
    const lines = (text + decoder.decode(part, { stream: true })).split('\n')
    text = lines.pop() ?? ''
    yield* lines
  }
}
