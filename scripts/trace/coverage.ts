import { Session } from 'node:inspector/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const SRC = join(import.meta.dir, '../../src')

interface ScriptCoverage {
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[]
}

/** Counts the calls of every function of src in this process, from its start on: files that are loaded earlier are not seen. */
export class Coverage implements Disposable {
  readonly #session = new Session()

  static async start(): Promise<Coverage> {
    const coverage = new Coverage()
    coverage.#session.connect()
    await coverage.#session.post('Profiler.enable')
    await coverage.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    return coverage
  }

  /** Each file of src, as in `oci/digest.ts`, with the calls of its busiest function since the last time this was asked. */
  async calls(): Promise<ReadonlyMap<string, number>> {
    const { result } = (await this.#session.post('Profiler.takePreciseCoverage')) as { result: readonly ScriptCoverage[] }
    const ofSource = result
      .filter(({ url }) => url.startsWith('file:'))
      .map((script) => ({ ...script, path: pathOf(script.url) }))
    return new Map(
      ofSource.filter(({ path }) => !path.startsWith('..')).map(({ path, functions }) => [path, mostCalls(functions)]),
    )
  }

  [Symbol.dispose](): void {
    this.#session.disconnect()
  }
}

function pathOf(url: string): string {
  return relative(SRC, fileURLToPath(url))
}

function mostCalls(functions: ScriptCoverage['functions']): number {
  return Math.max(0, ...functions.flatMap(({ ranges }) => ranges.map(({ count }) => count)))
}
