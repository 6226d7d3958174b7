import type { StartOptions } from '../../src/composition/app.ts'
import { pushImage } from '../collect/rows/row.ts'
import { AppInTest, basic } from './app-in-test.ts'
import type { Image } from './images.ts'
import { AuthorizedClient, expectStatus, type RegistryClient } from './registry-client.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Callers of the API, as the rules of `ApiLab` know them. The admin is the only one who may change accounts. */
export const API_CALLERS = ['anonymous', 'reader', 'writer', 'admin', 'robot'] as const
export type ApiCaller = (typeof API_CALLERS)[number]

const RULES = [
  { who: ['user:keeper', 'user:alice'], repositories: ['**'], can: ['pull', 'push', 'delete', 'list'] },
  { who: ['user:reader'], repositories: ['team/**'], can: ['pull', 'list'] },
  { who: ['user:writer'], repositories: ['team/**'], can: ['pull', 'push', 'list'] },
  { who: ['user:admin'], repositories: ['team/**'], can: ['pull', 'push', 'delete', 'list'] },
]
const USERS = ['keeper', 'alice', 'reader', 'writer', 'admin']

/** And two from whom nothing is hidden: the one who pushes what there is, and another admin. */
type Name = ApiCaller | 'keeper' | 'alice'

/** A registry with rules and an admin, where `team/…` is for the callers and nothing else is; its users are those of a file. */
export class ApiLab implements AsyncDisposable {
  readonly berth: AppInTest
  readonly robot: string
  readonly #folder: TemporaryFolder

  private constructor(folder: TemporaryFolder, berth: AppInTest, robot: string) {
    this.#folder = folder
    this.berth = berth
    this.robot = robot
  }

  /** `more`: sections beside its own. */
  static async start(server?: StartOptions['server'], more: Readonly<Record<string, object>> = {}): Promise<ApiLab> {
    const folder = new TemporaryFolder()
    const lines = USERS.map(async (name) => {
      const hash = await Bun.password.hash(`${name}-secret`, { algorithm: 'bcrypt', cost: 4 })
      return `${name}:${hash.replace(/^\$2b/, '$2y')}\n`
    })
    const path = await folder.file('htpasswd', (await Promise.all(lines)).join(''))
    const sections = {
      storage: { inmemory: {}, delete: { enabled: true }, maintenance: { layers: { enabled: true } } },
      auth: { htpasswd: { realm: 'Registry', path } },
      access: { rules: RULES, admins: ['user:admin', 'user:alice'] },
      ...more,
    }
    const berth = await AppInTest.start(folder, sections, server === undefined ? {} : { server })
    const body = JSON.stringify({ name: 'ci', scopes: ['team/**:pull,push,delete,list'], own: false })
    const made = await berth.request('POST', '/api/v1/robots', { headers: headersOf('admin', ''), body })
    const { token } = (await (await expectStatus(made, 201)).json()) as { token: string }
    return new ApiLab(folder, berth, token)
  }

  get client(): RegistryClient {
    return this.berth.client
  }

  headers(caller: Name): Readonly<Record<string, string>> {
    return headersOf(caller, this.robot)
  }

  async ask(caller: Name, method: string, path: string, body?: unknown): Promise<Response> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    return await this.berth.request(method, path, { headers: this.headers(caller), ...sent })
  }

  /** By the caller who may do everything. */
  async push(image: Image, tag: string, repository: string): Promise<void> {
    const { url } = this.berth
    await pushImage(new AuthorizedClient(url, basic('keeper', 'keeper-secret')), image, tag, repository)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.berth[Symbol.asyncDispose]()
    this.#folder[Symbol.dispose]()
  }
}

function headersOf(caller: Name, robot: string): Readonly<Record<string, string>> {
  const type = { 'content-type': 'application/json' }
  if (caller === 'anonymous') return type
  return { ...type, ...(caller === 'robot' ? basic('ci', robot) : basic(caller, `${caller}-secret`)) }
}
