import { objectIn } from '../../images/files/parsed-json.ts'
import { DockerError } from './docker-error.ts'
import { askSocket, bytesOf, type SocketAnswer, type SocketRequest } from './socket-request.ts'

/** What this client was written for. Daemons from 20.10 on know an older one of their own, which is spoken then. */
const NEWEST_API = '1.51'
const CALL_MS = 60_000
const MOST_BYTES = 32 * 1024 * 1024

export type Asked = Omit<SocketRequest, 'patienceMs'> &
  Partial<Pick<SocketRequest, 'patienceMs'>> & {
    /** Ends the call. Without it, only its patience does: what was begun with a container is to be ended in order. */
    readonly ending?: AbortSignal
  }

/** Calls of a daemon in the version of its API that both know, with answers that are bounded. */
export class EngineCalls {
  readonly #socket: string
  #version: string | undefined

  constructor(socket: string) {
    this.#socket = socket
  }

  async get(path: string): Promise<unknown> {
    return await this.json(await this.ask({ method: 'GET', path }), [200])
  }

  /** Undefined for a 404 and nothing else. */
  async find(path: string): Promise<unknown> {
    const answer = await this.ask({ method: 'GET', path })
    if (answer.status !== 404) return await this.json(answer, [200])
    await discard(answer)
    return undefined
  }

  async do(request: Asked, wanted: readonly number[]): Promise<void> {
    await discard(await this.require(await this.ask(request), wanted))
  }

  async json(answer: SocketAnswer, wanted: readonly number[]): Promise<unknown> {
    const bytes = await bytesOf(await this.require(answer, wanted), MOST_BYTES)
    const value = parsedText(new TextDecoder().decode(bytes))
    if (value === undefined) throw new DockerError('The Docker daemon sends what is no JSON', { status: answer.status })
    return value
  }

  async require(answer: SocketAnswer, wanted: readonly number[]): Promise<SocketAnswer> {
    const { status } = answer
    if (wanted.includes(status)) return answer
    const said = new TextDecoder().decode(await bytesOf(answer, MOST_BYTES))
    const { message } = objectIn(parsedText(said))
    throw new DockerError(`Docker says: ${typeof message === 'string' ? message : `${status} ${said.slice(0, 200)}`}`, { status })
  }

  async ask({ ending, ...request }: Asked): Promise<SocketAnswer> {
    const path = `/v${await this.#spoken()}${request.path}`
    try {
      return await askSocket(this.#socket, { patienceMs: CALL_MS, ...request, path }, ending)
    } catch (error) {
      // The daemon that comes back may be another one.
      this.#version = undefined
      throw error
    }
  }

  async #spoken(): Promise<string> {
    this.#version ??= await this.#negotiate()
    return this.#version
  }

  /** The newest that both know: a daemon refuses what is too old for it, and one that is updated may not know the old one any more. */
  async #negotiate(): Promise<string> {
    const answer = await askSocket(this.#socket, { method: 'GET', path: '/_ping', patienceMs: CALL_MS })
    await bytesOf(answer, MOST_BYTES)
    const offered = answer.headers.get('api-version') ?? ''
    if (answer.status !== 200 || !/^\d+\.\d+$/.test(offered)) {
      const { status } = answer
      throw new DockerError(`${this.#socket} answers ${status} without the version of its API; is it Docker's socket?`, {
        status,
      })
    }
    return isNewer(offered, NEWEST_API) ? NEWEST_API : offered
  }
}

/** Reads a body that is not looked at, so that its connection ends in order. */
export async function discard(answer: SocketAnswer): Promise<void> {
  await bytesOf(answer, MOST_BYTES)
}

function isNewer(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number)
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number)
  return major > otherMajor || (major === otherMajor && minor > otherMinor)
}

/** Undefined for what is no JSON. */
export function parsedText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
