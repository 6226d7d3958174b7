import { AccessRegistry, basic } from '../access-registry.ts'
import { blobsOf, type Content, type Image, makeImage } from '../images.ts'
import { type Environment, environmentIn, poll } from '../processes.ts'
import { expectStatus } from '../registry-client.ts'

export const CALLERS = ['anonymous', 'reader', 'writer', 'deleter', 'robot', 'expired robot'] as const
export type CallerName = (typeof CALLERS)[number]

export interface Credentials {
  readonly name: string
  readonly password: string
}

const ACCESS = `  rules:
    - {who: ['user:operator'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: [anonymous], repositories: ['public/**'], can: [pull, list]}
    - {who: ['group:readers'], repositories: ['team/**', 'public/**'], can: [pull, list]}
    - {who: ['user:writer'], repositories: ['team/**', 'public/**'], can: [pull, push, list]}
    - {who: ['user:deleter'], repositories: ['team/**', 'public/**'], can: [pull, push, delete, list]}
`
const SCOPES = ['--scope', 'team/**:pull,push']
const OPERATOR: Credentials = { name: 'operator', password: 'operator-secret' }

/** A registry with one caller of each kind, an image for all of `team`, one for everybody, and a repository that is private. */
export class AccessLab implements AsyncDisposable {
  readonly registry: AccessRegistry
  readonly image: Image
  /** What refers to the image. */
  readonly referrer: Image
  readonly #credentials: ReadonlyMap<CallerName, Credentials>

  private constructor(registry: AccessRegistry, credentials: ReadonlyMap<CallerName, Credentials>) {
    this.registry = registry
    this.#credentials = credentials
    this.image = makeImage('access lab', { format: 'docker', layers: 1 })
    this.referrer = makeImage('referrer', {
      layers: 1,
      subject: this.image.manifest,
      artifactType: 'application/vnd.example.sbom',
    })
  }

  static async start(): Promise<AccessLab> {
    const registry = await AccessRegistry.start({ access: ACCESS })
    await registry.addUser(OPERATOR.name, OPERATOR.password)
    await registry.addUser('reader', 'reader-secret', 'readers')
    await registry.addUser('writer', 'writer-secret')
    await registry.addUser('deleter', 'deleter-secret')
    const robot = await registry.addRobot('robot', ...SCOPES)
    const expired = await registry.addRobot('expired', ...SCOPES, '--expires', '1ms')
    const lab = new AccessLab(
      registry,
      new Map<CallerName, Credentials>([
        ['reader', { name: 'reader', password: 'reader-secret' }],
        ['writer', { name: 'writer', password: 'writer-secret' }],
        ['deleter', { name: 'deleter', password: 'deleter-secret' }],
        ['robot', { name: 'robot', password: robot }],
        ['expired robot', { name: 'expired', password: expired }],
      ]),
    )
    await lab.pushImage('team/app', 'v1', lab.image)
    await lab.pushImage('team/app', 'sbom', lab.referrer)
    await lab.pushImage('public/app', 'v1', lab.image)
    await lab.pushImage('secret/app', 'v1', makeImage('secret'))
    return lab
  }

  get address(): string {
    return this.registry.address
  }

  /** Undefined for a caller who has none. */
  credentials(caller: CallerName): Credentials | undefined {
    return this.#credentials.get(caller)
  }

  /** The folder of one client's own, and the environment for its programs. */
  environment(client: string): Environment {
    return environmentIn(this.registry.folder.join(client))
  }

  /** The path of a file as Docker keeps logins in it, for one caller; without any for one who has none. */
  async loginFile(caller: CallerName | 'operator'): Promise<string> {
    const { name, password } = (caller === 'operator' ? OPERATOR : this.credentials(caller)) ?? {}
    const auth = name === undefined ? {} : { [this.address]: { auth: basic(name, password ?? '').slice('Basic '.length) } }
    return await this.registry.folder.file(`logins/${caller.replace(' ', '-')}/config.json`, JSON.stringify({ auths: auth }))
  }

  /** Pushed by somebody who may do everything. */
  async pushImage(repository: string, tag: string, image: Image): Promise<void> {
    const client = this.registry.basic(OPERATOR.name, OPERATOR.password)
    for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
    await expectStatus(await client.putManifest(repository, tag, image.manifest), 201)
  }

  async holds(repository: string, reference: string): Promise<boolean> {
    const response = await this.registry.basic(OPERATOR.name, OPERATOR.password).headManifest(repository, reference)
    return response.status === 200
  }

  async holdsBlob(repository: string, { digest }: Content): Promise<boolean> {
    const response = await this.registry.basic(OPERATOR.name, OPERATOR.password).headBlob(repository, digest)
    return response.status === 200
  }

  /** Where the log of requests ends now, with the lines of all that was answered: they come late. */
  async logEnd(): Promise<number> {
    const mark = crypto.randomUUID()
    await expectStatus(await this.registry.client().request('GET', `/v2/?mark=${mark}`), 401)
    await this.logged(new RegExp(`mark=${mark}`), 0)
    return Buffer.byteLength(await this.registry.accessLog())
  }

  /** The first lines of the log after a byte that match. Waits for one. */
  async logged(pattern: RegExp, from: number): Promise<readonly string[]> {
    return await poll(`a request as ${pattern}`, 90_000, async () => {
      const lines = (await this.registry.accessLog(from)).split('\n').filter((line) => pattern.test(line))
      return lines.length === 0 ? undefined : lines
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]()
  }
}
