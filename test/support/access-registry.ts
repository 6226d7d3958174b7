import { type AccountName, findAccountName } from '../../src/access/accounts/account-name.ts'
import { operateAccounts } from '../../src/composition/accounts/account-operator.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { type BerthProcess, startBerth } from './berth-process.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { type BackgroundProgram, type Environment, environmentIn, type Outcome, run, runToSuccess } from './processes.ts'
import { AuthorizedClient, type RegistryClient } from './registry-client.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Of bcrypt. A login with what `berth user add` writes takes a twentieth of a second of the processor; with this, nearly nothing. */
const QUICK_COST = 4

export interface AccessRegistryOptions {
  /** What stands below `access:`, indented by two. */
  readonly access?: string
  /** A whole file as somebody writes it, for a machine of their own. */
  readonly config?: string
  readonly processes?: number
  /** What stands below `storage:` in the place of a folder, indented by two; FOLDER is the registry's folder. */
  readonly storage?: string
  /** Other sections, in which FOLDER is the registry's folder. */
  readonly more?: string
  /** What lies in that folder. */
  readonly files?: Readonly<Record<string, string>>
}

/** `berth serve` with section `access`, as a program of its own, and the commands that change accounts beside it. */
export class AccessRegistry implements AsyncDisposable {
  readonly folder: TemporaryFolder
  readonly #berth: BerthProcess

  private constructor(folder: TemporaryFolder, berth: BerthProcess) {
    this.folder = folder
    this.#berth = berth
  }

  static async start(options: AccessRegistryOptions): Promise<AccessRegistry> {
    const { processes = 1, files = {} } = options
    const folder = new TemporaryFolder()
    for (const [name, text] of Object.entries(files)) await folder.file(name, text)
    try {
      return new AccessRegistry(
        folder,
        await startBerth({ folder, config: configOf(folder, options), processes, expectsFaults: true }),
      )
    } catch (error) {
      folder[Symbol.dispose]()
      throw error
    }
  }

  get program(): BackgroundProgram {
    return this.#berth.program
  }

  get url(): string {
    return this.#berth.url
  }

  /** The path of the configuration. */
  get config(): string {
    return this.#berth.config
  }

  /** As people write it in front of an image name. */
  get address(): string {
    return this.#berth.address
  }

  /** Runs `berth … --config …`, which must succeed; gives what it printed. */
  async berth(words: readonly string[], input = ''): Promise<string> {
    return await runToSuccess([BERTH_PROGRAM, ...words, '--config', this.#berth.config], this.#commandOptions(input))
  }

  /** The same from another machine, which has nothing of this one but the storage and the configuration. */
  async berthElsewhere(words: readonly string[], input = ''): Promise<string> {
    const options = this.#commandOptions(input)
    const environment = { ...options.environment, STATE_DIRECTORY: this.folder.join('elsewhere') }
    return await runToSuccess([BERTH_PROGRAM, ...words, '--config', this.#berth.config], { ...options, environment })
  }

  /** The same, which may fail. */
  async tryBerth(words: readonly string[], input = ''): Promise<Outcome> {
    return await run([BERTH_PROGRAM, ...words, '--config', this.#berth.config], this.#commandOptions(input))
  }

  /**
   * What `berth user add` and `berth group add` do, in the test's own process and with a password that is quick to check: a start of the
   * program costs as much as fifty. The place of what a bucket has on this machine comes with the environment of a process, so there it is
   * the program that does it.
   */
  async addUser(name: string, password: string, ...groups: readonly string[]): Promise<void> {
    const { config } = loadConfig({ path: this.#berth.config, environment: {} })
    if (config.storage.driver.kind !== 'filesystem') return await this.#addUserByCommands(name, password, groups)
    const passwordHash = await Bun.password.hash(password, { algorithm: 'bcrypt', cost: QUICK_COST })
    await operateAccounts(config, async (accounts) => {
      await accounts.addUser(accountName(name), passwordHash)
      for (const group of groups) await accounts.addToGroup(accountName(group), [accountName(name)])
    })
  }

  /** Gives the robot's token. */
  async addRobot(name: string, ...words: readonly string[]): Promise<string> {
    return (await this.berth(['token', 'create', name, '--quiet', ...words])).trim()
  }

  /** The lines about requests, from a byte on. */
  async accessLog(from = 0): Promise<string> {
    return await Bun.file(this.folder.join('access.log')).slice(from).text()
  }

  /** Requests with these headers. */
  client(headers: Readonly<Record<string, string>> = {}): RegistryClient {
    return new AuthorizedClient(this.url, headers)
  }

  /** A client that sends the name and the password with every request. */
  basic(name: string, password: string): RegistryClient {
    return this.client({ authorization: basic(name, password) })
  }

  /** Asks for a token, with a name and a password if they are given. */
  async askToken(scopes: readonly string[], name?: string, password = ''): Promise<Response> {
    const query = new URLSearchParams()
    for (const scope of scopes) query.append('scope', scope)
    const headers = name === undefined ? {} : { authorization: basic(name, password) }
    return await this.client(headers).request('GET', `/v2/token?${query}`)
  }

  async token(scopes: readonly string[], name?: string, password = ''): Promise<string> {
    const response = await this.askToken(scopes, name, password)
    if (response.status !== 200) throw new Error(`no token: ${response.status} ${await response.text()}`)
    return ((await response.json()) as { token: string }).token
  }

  /** A client with a token for these scopes. */
  async bearer(scopes: readonly string[], name?: string, password = ''): Promise<RegistryClient> {
    return this.client({ authorization: `Bearer ${await this.token(scopes, name, password)}` })
  }

  /** Ends the server; what it stored is there until the end of the test. */
  async stop(): Promise<void> {
    await this.#berth.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#berth[Symbol.asyncDispose]()
    this.folder[Symbol.dispose]()
  }

  async #addUserByCommands(name: string, password: string, groups: readonly string[]): Promise<void> {
    await this.berth(['user', 'add', name, '--password-stdin'], password)
    for (const group of groups) await this.berth(['group', 'add', group, name])
  }

  #commandOptions(input: string) {
    return { environment: environmentOf(this.folder), stdin: new Blob([input]) }
  }
}

export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}

function accountName(text: string): AccountName {
  const name = findAccountName(text)
  if (name === undefined) throw new Error(`${text} is no name of an account`)
  return name
}

/** What belongs to a bucket on this machine goes into a folder of the test's. */
function environmentOf(folder: TemporaryFolder): Environment {
  return { ...environmentIn(folder.join('env')), STATE_DIRECTORY: folder.join('state') }
}

function configOf(folder: TemporaryFolder, { config, access = '', more = '', storage }: AccessRegistryOptions): string {
  const data = folder.join('data')
  if (config !== undefined) return config.replace('/var/lib/registry', data).replace('addr: :5000', 'addr: 127.0.0.1:0')
  return `version: 0.1
storage:
${storage?.replaceAll('FOLDER', folder.path) ?? `  filesystem: {rootdirectory: ${data}}`}
  delete: {enabled: true}
http: {addr: 127.0.0.1:0}
log: {accesslog: {file: ${folder.join('access.log')}}}
access:
${access}
${more.replaceAll('FOLDER', folder.path)}`
}
