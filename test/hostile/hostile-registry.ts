import { join } from 'node:path'

export type ServerKind = 'files' | 'streams'

/** What the registry's process saw since it was asked last. */
export interface Seen {
  readonly longestTurnMs: number
  /** Of the processor, in the thread of the event loop. */
  readonly longestTurnCpuMs: number
  readonly rssMb: number
  /** In the places where something is while it is under way. */
  readonly files: number
  /** In tables by their names. */
  readonly rows: Readonly<Record<string, number>>
  readonly sockets: number
  readonly errors: readonly unknown[]
}

/** The process that `served.ts` is. */
export class HostileRegistry implements AsyncDisposable {
  readonly url: string
  readonly #process: Bun.Subprocess<'pipe', 'pipe', 'inherit'>
  readonly #lines: AsyncIterator<string>

  private constructor(url: string, process: Bun.Subprocess<'pipe', 'pipe', 'inherit'>, lines: AsyncIterator<string>) {
    this.url = url
    this.#process = process
    this.#lines = lines
  }

  static async start(kind: ServerKind): Promise<HostileRegistry> {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'served.ts'), kind], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const lines = linesOf(child.stdout)
    const { url } = JSON.parse((await lines.next()).value ?? '{}') as { url: string }
    return new HostileRegistry(url, child, lines)
  }

  async seen(): Promise<Seen> {
    this.#process.stdin.write('?\n')
    await this.#process.stdin.flush()
    return JSON.parse((await this.#lines.next()).value ?? '{}') as Seen
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.end()
    const late = setTimeout(() => this.#process.kill('SIGKILL'), 20_000)
    await this.#process.exited
    clearTimeout(late)
  }
}

export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
