import { join } from 'node:path'
import { atEnd } from '../leftovers.ts'
import type { PacedLoad, PacedReport } from './paced-clients.ts'
import { promptly } from './promptly.ts'

export type { PacedReport } from './paced-clients.ts'

/** Asks at a fixed rate until `stop`, which gives what it saw. An answer that is not 200 fails it. */
export class PacedRequests {
  readonly #child: Bun.Subprocess<'pipe', 'pipe', 'inherit'>
  readonly #isEnded: () => void

  constructor(load: PacedLoad) {
    this.#child = Bun.spawn(promptly([process.execPath, join(import.meta.dir, 'paced-clients.ts')]), {
      stdio: ['pipe', 'pipe', 'inherit'],
      // As each registry: a session of its own.
      detached: true,
    })
    this.#isEnded = atEnd(() => this.#child.kill())
    this.#child.stdin.write(`${JSON.stringify(load)}\n`)
    this.#child.stdin.flush()
  }

  async stop(): Promise<PacedReport> {
    this.#child.stdin.end()
    const output = await this.#child.stdout.text()
    this.#isEnded()
    if ((await this.#child.exited) !== 0) throw new Error('the clients failed')
    return JSON.parse(output) as PacedReport
  }
}
