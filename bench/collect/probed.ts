import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The worst of all processes of a registry, in milliseconds; `Cpu`: of the processor, whatever else runs on the machine. */
export interface Longest {
  readonly turnMs: number
  readonly turnCpuMs: number
  readonly transactionMs: number
  readonly transactionCpuMs: number
}

interface Line extends Longest {
  readonly atMs: number
}

/** What the probe in each process of Berth writes down. */
export class Probed {
  readonly #directory: string

  constructor(folder: string) {
    this.#directory = join(folder, 'probe')
    mkdirSync(this.#directory, { recursive: true })
  }

  /** With these variables Berth is started. */
  get environment(): Readonly<Record<string, string>> {
    return { BUN_OPTIONS: `--preload ${join(import.meta.dir, 'probe.js')}`, BERTH_BENCH_PROBE: this.#directory }
  }

  /** Between two times of the wall clock. */
  longest(fromMs: number, toMs: number): Longest {
    const lines = readdirSync(this.#directory)
      .flatMap((name) => readFileSync(join(this.#directory, name), 'utf8').split('\n').slice(0, -1))
      .map((line) => JSON.parse(line) as Line)
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
    const most = (of: (line: Line) => number) => Math.max(0, ...lines.map(of))
    return {
      turnMs: most(({ turnMs }) => turnMs),
      turnCpuMs: most(({ turnCpuMs }) => turnCpuMs),
      transactionMs: most(({ transactionMs }) => transactionMs),
      transactionCpuMs: most(({ transactionCpuMs }) => transactionCpuMs),
    }
  }
}
