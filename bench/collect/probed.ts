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
  /** The longest of that second by the clock. */
  readonly turn: Span
  readonly transaction: Span
}

interface Span {
  readonly ms: number
  readonly cpuMs: number
  /** Left out where it was short. */
  readonly made?: {
    readonly user: number
    readonly system: number
    /** Pages that the kernel had to bring into the memory of the process. */
    readonly faults: number
    /** Garbage was collected meanwhile. */
    readonly collected: boolean
    /** The longest while in which no statement ran. */
    readonly withoutMs: number
    readonly statements: readonly { readonly sql: string; readonly times: number; readonly ms: number; readonly found: number }[]
  }
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
    const lines = this.#lines(fromMs, toMs)
    const most = (of: (line: Line) => number) => Math.max(0, ...lines.map(of))
    return {
      turnMs: most(({ turnMs }) => turnMs),
      turnCpuMs: most(({ turnCpuMs }) => turnCpuMs),
      transactionMs: most(({ transactionMs }) => transactionMs),
      transactionCpuMs: most(({ transactionCpuMs }) => transactionCpuMs),
    }
  }

  /** What the longest turns and transactions between two times were made of, a sentence each. */
  causes(fromMs: number, toMs: number, most: number): readonly string[] {
    const lines = this.#lines(fromMs, toMs)
    const longest = (kind: 'turn' | 'transaction') =>
      lines
        .map((line) => line[kind])
        .sort((one, other) => other.ms - one.ms)
        .slice(0, most)
        .map((span) => `${kind}: ${causeOf(span)}`)
    return [...longest('turn'), ...longest('transaction')]
  }

  #lines(fromMs: number, toMs: number): readonly Line[] {
    return readdirSync(this.#directory)
      .flatMap((name) => readFileSync(join(this.#directory, name), 'utf8').split('\n').slice(0, -1))
      .map((line) => JSON.parse(line) as Line)
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
  }
}

function causeOf({ ms, cpuMs, made }: Span): string {
  const took = `${ms.toFixed(1)} ms, ${cpuMs.toFixed(1)} of the processor`
  if (made === undefined) return took
  const { user, system, faults, collected, withoutMs, statements } = made
  const parts = [
    `${user.toFixed(1)} + ${system.toFixed(1)} in the kernel`,
    `${faults} page faults`,
    ...(collected ? ['garbage was collected'] : []),
    `${withoutMs.toFixed(1)} ms without a statement`,
    ...statements.map(({ sql, times, ms, found }) => `${times} × [${sql}] ${ms.toFixed(1)} ms, ${found} rows`),
  ]
  return `${took}: ${parts.join('; ')}`
}
