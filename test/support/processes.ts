import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export type Environment = Readonly<Record<string, string>>

/** Where scripts/test-stores.sh puts the object stores. */
const TEST_STORES =
  process.env.BERTH_TEST_STORES ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'berth-test-stores')

/** Where programs are looked for: the caller's PATH, the system folders that users other than root do not have in it, the stores. */
export const PROGRAM_PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin:${TEST_STORES}`

/** An environment of the test's own in a folder of the test's own: what the machine carries breaks clients and hides faults. */
export function environmentIn(folder: string): Environment {
  const homes = {
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
    XDG_CACHE_HOME: join(folder, 'home/.cache'),
    XDG_CONFIG_HOME: join(folder, 'home/.config'),
    XDG_DATA_HOME: join(folder, 'home/.local/share'),
    XDG_RUNTIME_DIR: join(folder, 'run'),
  }
  for (const path of Object.values(homes)) mkdirSync(path, { recursive: true })
  // Berth alone reads the last one. One process is easier to kill; test/processes and the image run with several.
  return { ...homes, PATH: PROGRAM_PATH, BERTH_PROCESSES: process.env.BERTH_TEST_PROCESSES ?? '1' }
}

export interface RunOptions {
  readonly environment: Environment
  readonly cwd?: string
  readonly stdin?: Uint8Array | Blob
  readonly timeoutMs?: number
}

export interface BackgroundOptions {
  readonly environment: Environment
  /** Octal digits; the test's own when left out. */
  readonly umask?: string | undefined
}

export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

const DEFAULT_RUN_MS = 120_000
const STOP_MS = 90_000
const LAST_OUTPUT_MS = 2_000
const MAX_KEPT_OUTPUT = 256 * 1024
const LEAST_BETWEEN_MS = 20
const MOST_BETWEEN_MS = 250

/** Runs a program to its end. Throws with all it printed when it does not end in time. */
export async function run(command: readonly string[], options: RunOptions): Promise<Outcome> {
  const child = Bun.spawn([...command], {
    env: options.environment,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: options.stdin ?? 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? DEFAULT_RUN_MS)
  const [exitCode, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  clearTimeout(timer)
  if (child.signalCode === 'SIGKILL') throw new Error(`${command.join(' ')} did not end in time\n${stdout}\n${stderr}`)
  return { exitCode, stdout, stderr }
}

/** Runs a program that must succeed and gives its standard output. Throws with all it printed when it fails. */
export async function runToSuccess(command: readonly string[], options: RunOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, options)
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}\n${stdout}\n${stderr}`)
  return stdout
}

/** A program that runs beside the test. It is ended by its own process id, and only by whoever started it. */
export class BackgroundProgram implements AsyncDisposable {
  readonly pid: number
  readonly exited: Promise<number>
  readonly #command: string
  readonly #child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  readonly #collected: Promise<unknown>
  readonly #watchers = new Set<() => void>()
  #output = ''

  constructor(command: readonly string[], { environment, umask }: BackgroundOptions) {
    this.#command = command.join(' ')
    const words = umask === undefined ? command : ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh', ...command]
    this.#child = Bun.spawn([...words], {
      env: environment,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    this.pid = this.#child.pid
    this.#collected = Promise.allSettled([this.#collect(this.#child.stdout), this.#collect(this.#child.stderr)])
    this.exited = this.#child.exited.then(async (code) => {
      // Its own children may hold the pipes open: what they print is not waited for.
      await Promise.race([this.#collected, Bun.sleep(LAST_OUTPUT_MS)])
      for (const watcher of this.#watchers) watcher()
      return code
    })
  }

  /** What it printed so far, both streams together; the end of it when it is long. */
  get output(): string {
    return this.#output
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Waits until the output matches. Throws with the output when the program ends or the time is over. */
  async waitForOutput(pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const match = this.#output.match(pattern)
      if (match !== null) return match
      if (!this.running && (await this.#hasEnded(pattern))) {
        throw new Error(`${this.#command} ended without printing ${pattern}\n${this.#output}`)
      }
      if (Date.now() >= deadline) throw new Error(`${this.#command} did not print ${pattern} in time\n${this.#output}`)
      await this.#changed(deadline - Date.now())
    }
  }

  /** Asks it to end and waits; after a minute and a half it is killed and the test fails. */
  async stop(): Promise<number> {
    if (!this.running) return await this.exited
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    const exitCode = await this.exited
    clearTimeout(timer)
    if (this.#child.signalCode === 'SIGKILL') throw new Error(`${this.#command} did not end when asked\n${this.#output}`)
    return exitCode
  }

  /** `kill -9`: the program gets no chance to finish anything. */
  async kill(): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL')
    await this.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      this.#output = (this.#output + decoder.decode(chunk, { stream: true })).slice(-MAX_KEPT_OUTPUT)
      for (const watcher of this.#watchers) watcher()
    }
  }

  async #hasEnded(pattern: RegExp): Promise<boolean> {
    await this.exited
    return !pattern.test(this.#output)
  }

  async #changed(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#watchers.add(resolve)
    const timer = setTimeout(resolve, timeoutMs)
    await promise
    clearTimeout(timer)
    this.#watchers.delete(resolve)
  }
}

/** Starts a program and waits for the line that says that it is ready. One that does not get there is ended. */
export async function startUntil(
  ready: RegExp,
  timeoutMs: number,
  command: readonly string[],
  options: BackgroundOptions,
): Promise<{ readonly program: BackgroundProgram; readonly match: RegExpMatchArray }> {
  const program = new BackgroundProgram(command, options)
  try {
    return { program, match: await program.waitForOutput(ready, timeoutMs) }
  } catch (error) {
    await program.stop()
    throw error
  }
}

/**
 * Asks again until the answer is not undefined: a few milliseconds apart at first, then a twentieth of the time that it has taken so far, so
 * that long waits take little of the processor from what is waited for. Throws when the time is over.
 */
export async function poll<Answer>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<Answer | undefined>,
  betweenMs?: number,
): Promise<Answer> {
  const began = Date.now()
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    const tookMs = Date.now() - began
    if (tookMs >= timeoutMs) throw new Error(`${what}: not in ${timeoutMs} ms`)
    await Bun.sleep(betweenMs ?? Math.min(MOST_BETWEEN_MS, Math.max(LEAST_BETWEEN_MS, tookMs / 20)))
  }
}
