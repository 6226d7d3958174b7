import type { RegistryAccess } from '../../images/registry/registries.ts'
import type { Log } from '../../observe/log.ts'
import { basicOf } from '../../upstream/credentials.ts'

/** A container of this host, as the registry is told of it. */
export interface Reported {
  readonly container: string
  readonly repository: string
  readonly tag?: string
  readonly digest: string
  readonly state: string
  readonly since?: string
  readonly wanted?: string
  readonly problem?: string
}

/** The registry takes a host for away that has not reported for an hour. */
const REPEAT_MS = 15 * 60_000
const PATIENCE_MS = 30_000
const MOST_CONTAINERS = 2_000

/** Tells the registry what runs here: when it has changed, and every now and then. */
export class Reporter {
  readonly #access: RegistryAccess
  readonly #host: string
  readonly #log: Log
  #last = { text: '', atMs: 0 }
  #isRefused = false

  constructor(access: RegistryAccess, { host, log }: { readonly host: string; readonly log: Log }) {
    this.#access = access
    this.#host = host
    this.#log = log
  }

  /** What cannot be told is told in the log, once, and tried again after the next look. */
  async report(containers: readonly Reported[], nowMs: number): Promise<void> {
    const text = JSON.stringify({ containers: containers.slice(0, MOST_CONTAINERS) })
    if (text === this.#last.text && nowMs - this.#last.atMs < REPEAT_MS) return
    const problem = await this.#send(text)
    if (problem === undefined) this.#last = { text, atMs: nowMs }
    else if (!this.#isRefused) this.#log.warn('the registry is not told what runs here', { problem })
    this.#isRefused = problem !== undefined
  }

  async #send(body: string): Promise<string | undefined> {
    const { url, credentials, way } = this.#access
    try {
      const authorization = basicOf(await credentials.find())
      const answer = await fetch(new URL(`/api/v1/deployments/${encodeURIComponent(this.#host)}`, url), {
        method: 'PUT',
        headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
        body,
        redirect: 'manual',
        ...(way.authorities === undefined ? {} : { tls: { ca: way.authorities } }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      })
      if (answer.status === 200) {
        await answer.body?.cancel()
        return undefined
      }
      const said = (await answer.text()).slice(0, 500)
      return `${url.origin} answers ${answer.status}: ${said}`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
