import { ALL_MANIFEST_TYPES, type Content, makeImage } from '../images.ts'
import { runToSuccess } from '../processes.ts'
import type { AccessLab, CallerName } from './access-lab.ts'
import { type MatrixClient, type Operation, ownRepository, type Result, repositoryToDelete } from './matrix.ts'

export type CurlAuth = 'Basic' | 'Bearer'

interface Answer {
  readonly status: number
  readonly headers: string
  readonly body: string
}

/** The requests of the operations by hand; with a token, one is asked for first, for the scope that the operation needs. */
export class CurlClient implements MatrixClient {
  readonly name: string
  readonly can: MatrixClient['can']
  readonly #lab: AccessLab
  readonly #auth: CurlAuth

  constructor(lab: AccessLab, auth: CurlAuth) {
    this.#lab = lab
    this.#auth = auth
    this.name = `curl ${auth}`
    this.can = {
      pull: (caller) => this.#pull(caller),
      push: (caller) => this.#push(caller, 'push'),
      mount: (caller) => this.#mount(caller),
      delete: (caller) => this.#delete(caller),
      catalog: (caller) => this.#catalog(caller),
      tags: (caller) => this.#tags(caller),
      referrers: (caller) => this.#referrers(caller),
    }
  }

  async #pull(caller: CallerName): Promise<Result> {
    const path = '/v2/team/app/manifests/v1'
    const answer = await this.#ask(caller, 'repository:team/app:pull', path, '--header', `Accept: ${ALL_MANIFEST_TYPES}`)
    if (answer.status !== 200) return refusal(answer)
    const [layer] = this.#lab.image.layers
    const blob = await this.#ask(caller, 'repository:team/app:pull', `/v2/team/app/blobs/${layer?.digest}`)
    return blob.status === 200 ? 'done' : refusal(blob)
  }

  async #push(caller: CallerName, operation: Operation): Promise<Result> {
    const repository = ownRepository(this.name, operation, caller)
    const scope = `repository:${repository}:pull,push`
    const { image } = this.#lab
    for (const blob of [image.config, ...image.layers]) {
      const result = await this.#upload(caller, repository, blob)
      if (result !== 'done') return result
    }
    const manifest = await this.#file(image.manifest)
    const type = ['--header', `Content-Type: ${image.manifest.mediaType}`]
    const put = await this.#ask(caller, scope, `/v2/${repository}/manifests/v1`, '-X', 'PUT', ...type, '--data-binary', manifest)
    if (put.status !== 201) return refusal(put)
    return (await this.#lab.holds(repository, 'v1')) ? 'done' : 'unknown'
  }

  async #upload(caller: CallerName, repository: string, blob: Content): Promise<Result> {
    const scope = `repository:${repository}:pull,push`
    const started = await this.#ask(caller, scope, `/v2/${repository}/blobs/uploads/`, '-X', 'POST')
    if (started.status !== 202) return refusal(started)
    const location = /^location: (\S+)/im.exec(started.headers)?.[1] ?? ''
    const data = ['--header', 'Content-Type: application/octet-stream', '--data-binary', await this.#file(blob)]
    const closed = await this.#ask(caller, scope, `${location}?digest=${blob.digest}`, '-X', 'PUT', ...data)
    return closed.status === 201 ? 'done' : refusal(closed)
  }

  /** From a repository that nobody but the operator may see, named and not named; and then from one that the caller may pull. */
  async #mount(caller: CallerName): Promise<Result> {
    const repository = ownRepository(this.name, 'mount', caller)
    const secret = makeImage(`mount by ${this.name} as ${caller}`, { layers: 1 })
    await this.#lab.pushImage('secret/app', 'v2', secret)
    const scope = `repository:${repository}:pull,push`
    const mount = async (blob: Content, from: string) =>
      await this.#ask(caller, `${scope} repository:${from || 'secret/app'}:pull`, mountPath(repository, blob, from), '-X', 'POST')
    for (const from of ['secret/app', '']) {
      const answer = await mount(secret.config, from)
      if (answer.status === 201) return 'mounted'
      if (answer.status !== 202) return refusal(answer)
    }
    if (await this.#lab.holdsBlob(repository, secret.config)) return 'mounted'
    const allowed = await mount(this.#lab.image.config, 'team/app')
    if (allowed.status !== 201) throw new Error(`a mount from team/app is answered ${allowed.status}`)
    return (await this.#upload(caller, repository, secret.config)) === 'done' ? 'uploaded' : 'denied'
  }

  async #delete(caller: CallerName): Promise<Result> {
    const repository = await repositoryToDelete(this.#lab, this.name, caller)
    const { digest } = this.#lab.image.manifest
    const scope = `repository:${repository}:delete`
    const answer = await this.#ask(caller, scope, `/v2/${repository}/manifests/${digest}`, '-X', 'DELETE')
    const isThere = await this.#lab.holds(repository, digest)
    if (isThere === (answer.status === 202)) throw new Error(`${answer.status}, and the image is ${isThere ? '' : 'not '}there`)
    return answer.status === 202 ? 'done' : refusal(answer)
  }

  async #catalog(caller: CallerName): Promise<Result> {
    const answer = await this.#ask(caller, 'registry:catalog:*', '/v2/_catalog?n=1000')
    return answer.status === 200 ? JSON.parse(answer.body).repositories : refusal(answer)
  }

  async #tags(caller: CallerName): Promise<Result> {
    const answer = await this.#ask(caller, 'repository:team/app:pull', '/v2/team/app/tags/list')
    return answer.status === 200 && answer.body.includes('"v1"') ? 'done' : refusal(answer)
  }

  async #referrers(caller: CallerName): Promise<Result> {
    const path = `/v2/team/app/referrers/${this.#lab.image.manifest.digest}`
    const answer = await this.#ask(caller, 'repository:team/app:pull', path)
    return answer.status === 200 && answer.body.includes(this.#lab.referrer.manifest.digest) ? 'done' : refusal(answer)
  }

  async #ask(caller: CallerName, scope: string, path: string, ...words: readonly string[]): Promise<Answer> {
    const { name, password } = this.#lab.credentials(caller) ?? {}
    const user = name === undefined ? [] : ['--user', `${name}:${password}`]
    if (this.#auth === 'Basic') return await this.#curl([...user, ...words, path])
    const scopes = scope.split(' ').flatMap((one) => ['--data-urlencode', `scope=${one}`])
    const granted = await this.#curl([...user, '--get', '--data', 'service=berth', ...scopes, '/v2/token'])
    if (granted.status !== 200) return granted
    return await this.#curl(['--header', `Authorization: Bearer ${JSON.parse(granted.body).token}`, ...words, path])
  }

  async #curl(words: readonly string[]): Promise<Answer> {
    const path = words.at(-1) ?? ''
    const options = ['--silent', '--show-error', '--include', '--max-time', '30', ...words.slice(0, -1)]
    const environment = this.#lab.environment('curl')
    const printed = await runToSuccess(['curl', ...options, `${this.#lab.registry.url}${path}`], { environment })
    const end = printed.indexOf('\r\n\r\n')
    const headers = printed.slice(0, end)
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(headers)?.[1]), headers, body: printed.slice(end + 4) }
  }

  async #file({ digest, bytes }: Content): Promise<string> {
    return `@${await this.#lab.registry.folder.file(`curl/${digest.replace(':', '-')}`, bytes)}`
  }
}

function mountPath(repository: string, { digest }: Content, from: string): string {
  return `/v2/${repository}/blobs/uploads/?mount=${digest}${from === '' ? '' : `&from=${from}`}`
}

/** Each status goes with its own code and nothing else. */
function refusal({ status, headers, body }: Answer): Result {
  const code = body.startsWith('{') ? JSON.parse(body).errors?.[0]?.code : undefined
  if (status === 401 && code === 'UNAUTHORIZED' && /^www-authenticate: /im.test(headers)) return 'must log in'
  if (status === 403 && code === 'DENIED') return 'denied'
  if (status === 404 && /_UNKNOWN$/.test(code)) return 'unknown'
  throw new Error(`an answer that is none: ${status} ${headers} ${body}`)
}
