import { spawn } from 'node:child_process'
import { type CredentialSource, type Credentials, credentialsOf } from './credentials.ts'
import { UpstreamFailure } from './upstream-failure.ts'

export interface CredentialHelperOptions {
  /** A program that speaks the protocol of Docker's credential helpers. */
  readonly command: string
  /** The registry whose credentials it is asked for. */
  readonly url: URL
  /** By which it knows the registry; left out: host and port. */
  readonly serverAddress?: string
  /** For so long what it printed is used; undefined: until the registry refuses it. 0: it is asked each time. */
  readonly lifetimeMs: number | undefined
  /** Left out: the usual one. */
  readonly patienceMs?: number
}

export const PATIENCE_MS = 30_000
/** What a program printed is asked for anew no sooner, though the registry refuses it or the program failed: clients may ask at any rate. */
const LEAST_AGE_MS = 5_000
const MOST_OUTPUT_BYTES = 64 * 1024

interface Run {
  readonly found: Promise<Credentials>
  /** Undefined while it runs. */
  endedAtMs: number | undefined
  isOfUse: boolean
}

/** Asks a program for credentials: one run for all requests that wait. What it prints is shown to the registry alone, and never logged. */
export class CredentialHelper implements CredentialSource {
  readonly #options: CredentialHelperOptions
  #last: Run | undefined

  constructor(options: CredentialHelperOptions) {
    this.#options = options
  }

  async find(): Promise<Credentials> {
    const last = this.#last
    const run = last !== undefined && this.#holds(last) ? last : this.#begin()
    return await run.found
  }

  refused(): void {
    if (this.#last?.endedAtMs !== undefined) this.#last.isOfUse = false
  }

  #holds({ endedAtMs, isOfUse }: Run): boolean {
    if (endedAtMs === undefined) return true
    const ageMs = performance.now() - endedAtMs
    if (!isOfUse) return ageMs < LEAST_AGE_MS
    return ageMs < (this.#options.lifetimeMs ?? Number.POSITIVE_INFINITY)
  }

  #begin(): Run {
    const run: Run = { found: this.#ask(), endedAtMs: undefined, isOfUse: false }
    const ended = (isOfUse: boolean) => {
      run.endedAtMs = performance.now()
      run.isOfUse = isOfUse
    }
    run.found.then(
      () => ended(true),
      () => ended(false),
    )
    this.#last = run
    return run
  }

  /** Nothing that the program prints is part of an error: it may be a secret. */
  async #ask(): Promise<Credentials> {
    const { command, url, serverAddress = url.host, patienceMs = PATIENCE_MS } = this.#options
    const outcome = await outcomeOf(command, serverAddress, patienceMs)
    const credentials = typeof outcome === 'string' ? undefined : credentialsIn(outcome.printed)
    if (credentials !== undefined) return credentials
    const what = typeof outcome === 'string' ? outcome : 'prints no Username and Secret'
    throw new UpstreamFailure('UNAVAILABLE', {
      message: `The program ${command} gives no credentials for the upstream ${url.origin}: it ${what}; its operator can run "${command} get" with ${serverAddress} as its input.`,
      retryAfterSeconds: LEAST_AGE_MS / 1000,
    })
  }
}

/** What it printed when it ended well; else what it did, as a part of a sentence. It has ended by then, with all that it started. */
async function outcomeOf(command: string, input: string, patienceMs: number): Promise<{ readonly printed: Buffer } | string> {
  const { promise, resolve } = Promise.withResolvers<{ readonly printed: Buffer } | string>()
  // A group of its own: what it starts would keep its output open.
  const child = spawn(command, ['get'], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] })
  const parts: Buffer[] = []
  let bytes = 0
  child.on('error', (error: NodeJS.ErrnoException) => resolve(`cannot be started (${error.code ?? 'unknown'})`))
  child.on('close', (code, signal) => {
    resolve(code === 0 ? { printed: Buffer.concat(parts) } : `ended with ${signal ?? code}`)
  })
  child.stdout.on('data', (part: Buffer) => {
    bytes += part.length
    if (bytes > MOST_OUTPUT_BYTES) resolve(`printed more than ${MOST_OUTPUT_BYTES} bytes`)
    else parts.push(part)
  })
  // A program that reads nothing may print what is wanted all the same.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const timer = setTimeout(() => resolve(`did not end within ${patienceMs / 1000} s`), patienceMs)
  const outcome = await promise
  clearTimeout(timer)
  if (typeof outcome === 'string') endGroup(child.pid)
  child.stdout.destroy()
  return outcome
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

function credentialsIn(printed: Buffer): Credentials | undefined {
  try {
    const value: unknown = JSON.parse(printed.toString())
    if (typeof value !== 'object' || value === null) return undefined
    const { Username: username, Secret: secret } = value as Readonly<Record<string, unknown>>
    const areTexts = typeof username === 'string' && typeof secret === 'string'
    return areTexts && username !== '' && secret !== '' ? credentialsOf(username, secret) : undefined
  } catch {
    return undefined
  }
}
