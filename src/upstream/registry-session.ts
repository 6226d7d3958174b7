import type { RepositoryName } from '../oci/name.ts'
import type { CredentialSource } from './credentials.ts'
import { type Answer, ask, type Question, type Way } from './exchange.ts'
import { Login } from './login.ts'

export interface RegistrySessionOptions {
  /** Scheme, host and port; its API begins at /v2/. */
  readonly url: URL
  /** As errors name it. */
  readonly asked: string
  readonly credentials: CredentialSource
  readonly way: Way
  /** Repositories of this registry that blobs are mounted from. */
  readonly mountedFrom?: readonly RepositoryName[] | undefined
}

export interface Asked extends Pick<Question, 'method' | 'headers' | 'body' | 'signal'> {
  /** Undefined: the question is about all of them. */
  readonly repository: RepositoryName | undefined
  /** Behind the name of the repository, if there is one, or the whole address where the registry named one. */
  readonly path: string | URL
}

/** Asks one registry, and shows it what it wants to see. */
export class RegistrySession {
  readonly #options: RegistrySessionOptions
  readonly #login: Login

  constructor(options: RegistrySessionOptions) {
    this.#options = options
    this.#login = new Login(options)
  }

  /**
   * A challenge is met once; one of another server, to which the registry sent on, is none of ours, and it is shown nothing. The body is
   * sent again after a challenge.
   */
  async ask({ repository, path, ...question }: Asked): Promise<Answer> {
    const { url: registry, asked, way } = this.#options
    const below = repository === undefined ? '' : `${repository}/`
    const url = typeof path === 'string' ? new URL(`/v2/${below}${path}`, registry) : path
    const isOurs = url.origin === registry.origin
    for (let isRetry = false; ; isRetry = true) {
      const authorization = isOurs ? await this.#login.authorizationFor(repository) : undefined
      const answer = await ask({ ...question, url, authorization, asked }, way)
      if (answer.status !== 401 || isRetry || answer.url.origin !== registry.origin) return answer
      answer.discard()
      const challenge = answer.headers.get('www-authenticate') ?? ''
      if (!(await this.#login.meet(repository, challenge, authorization, question.signal))) return answer
    }
  }
}
