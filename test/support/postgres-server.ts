import { chownSync, existsSync, readdirSync } from 'node:fs'
import { chmod, chown, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SQL } from 'bun'
import type { PostgresPlace } from '../../src/metadata/postgres/connection.ts'
import { freePort } from './free-port.ts'
import { BackgroundProgram, environmentIn, runToSuccess } from './processes.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Where a test file finds the server that all files share. */
export const SHARED_POSTGRES = 'BERTH_TEST_POSTGRES'

const START_MS = 60_000
/** Where Debian has the programs of each version. */
const VERSIONS = '/usr/lib/postgresql'
/** The server does not run as root. */
const NO_USER = 65_534
const OWNER = { username: 'berth', database: 'postgres', tls: false } as const

/** The directory of the newest programs that are installed; undefined where there are none. */
export function postgresPrograms(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined
  const [newest] = readdirSync(VERSIONS).sort((one, other) => Number(other) - Number(one))
  return newest === undefined ? undefined : `${VERSIONS}/${newest}/bin`
}

/** A server that answers, whose owner is another one: schemas of their own are all that a test makes there. */
export class PostgresAddress {
  readonly port: number
  readonly #socket: string

  constructor(folder: string, port: number) {
    this.#socket = `${folder}/.s.PGSQL.${port}`
    this.port = port
  }

  /** By its socket, with a schema of one test alone. */
  place(schema = `s${crypto.randomUUID().replaceAll('-', '')}`): PostgresPlace {
    return { server: { socket: this.#socket }, database: OWNER.database, user: OWNER.username, schema }
  }

  /** The same in the words of a configuration. */
  named() {
    const { database, user, schema } = this.place()
    return { socket: dirname(this.#socket), database, user, schema }
  }

  /** Statements without values, on a connection of their own. Gives the rows of the last one. */
  async ask<Row>(text: string): Promise<Row[]> {
    await using sql = new SQL({ adapter: 'postgres', path: this.#socket, max: 1, ...OWNER })
    const rows: Row[] = await sql.unsafe(text)
    return [...rows]
  }

  /** As the variable has it. */
  get words(): string {
    return `${dirname(this.#socket)}:${this.port}`
  }
}

/** The server that `scripts/test.ts` has started for all files; undefined where it has not. */
export function sharedPostgres(): PostgresAddress | undefined {
  const [folder, port] = process.env[SHARED_POSTGRES]?.split(':') ?? []
  return folder === undefined ? undefined : new PostgresAddress(folder, Number(port))
}

/** That server, or one of the caller's own, which ends with what this gives. */
export async function takePostgres(): Promise<AsyncDisposable & { readonly server: PostgresAddress }> {
  const shared = sharedPostgres()
  if (shared !== undefined) return { server: shared, [Symbol.asyncDispose]: async () => undefined }
  const server = await PostgresServer.start()
  return { server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const UNSYNCED = { fsync: 'off', full_page_writes: 'off', shared_buffers: '32MB' }
const SYNCED = { shared_buffers: '128MB', shared_preload_libraries: 'pg_stat_statements' }

interface PostgresProgram {
  readonly programs: string
  readonly settings: Readonly<Record<string, string>>
}

/**
 * A server with all that it has in a temporary folder. It sorts texts as people do, so that a text which is not compared by its bytes shows; and it syncs
 * nothing: what it has acknowledged outlives its processes, which is what tests end.
 */
export class PostgresServer extends PostgresAddress implements AsyncDisposable {
  readonly #folder: TemporaryFolder
  readonly #programs: string
  readonly #settings: Readonly<Record<string, string>>
  #server: BackgroundProgram | undefined

  private constructor(folder: TemporaryFolder, port: number, { programs, settings }: PostgresProgram) {
    super(folder.path, port)
    this.#folder = folder
    this.#programs = programs
    this.#settings = settings
  }

  /** `syncs`: it is measured, on a disk. */
  static async start({ syncs = false }: { readonly syncs?: boolean } = {}): Promise<PostgresServer> {
    const programs = postgresPrograms()
    if (programs === undefined) throw new Error('PostgreSQL is not installed; install what .ci/run installs')
    const server = new PostgresServer(ownedFolder(!syncs), await freePort(), { programs, settings: syncs ? SYNCED : UNSYNCED })
    return await server.#begun(() => server.#makeFiles())
  }

  /** A server that follows this one, reached by `port`, and takes no changes before `promote`. It ends with its own owner. */
  async standby(port: number): Promise<PostgresServer> {
    const server = new PostgresServer(ownedFolder(true), await freePort(), { programs: this.#programs, settings: this.#settings })
    const from = `--dbname=host=127.0.0.1 port=${port} user=${OWNER.username}`
    const words = ['--write-recovery-conf', '--checkpoint=fast', '--no-sync', `--pgdata=${server.#folder.join('data')}`]
    return await server.#begun(async () => {
      const environment = environmentIn(server.#folder.path)
      await runToSuccess(asUnprivileged([`${this.#programs}/pg_basebackup`, from, ...words]), { environment })
    })
  }

  /** A standby takes changes from now on, in a history of its own. */
  async promote(): Promise<void> {
    await this.ask('SELECT pg_promote(true, 60)')
  }

  async #begun(makeFiles: () => Promise<void>): Promise<this> {
    try {
      await makeFiles()
      await this.resume()
      return this
    } catch (error) {
      this.#folder[Symbol.dispose]()
      throw error
    }
  }

  /** Starts it once more, on the same files. */
  async resume(): Promise<void> {
    const settings = {
      ...{ ...this.#settings, max_connections: '120' },
      ...{ listen_addresses: '127.0.0.1', port: String(this.port), unix_socket_directories: this.#folder.path },
    }
    const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    this.#server = new BackgroundProgram(
      asUnprivileged([`${this.#programs}/postgres`, '-D', this.#folder.join('data'), ...words]),
      { environment: environmentIn(this.#folder.path) },
    )
    await this.#server.waitForOutput(/ready to accept (?:read-only )?connections/, START_MS)
  }

  /** From now on the network gets in with TLS and this password alone. */
  async secure(password: string, { certificate, key }: { readonly certificate: string; readonly key: string }): Promise<void> {
    const secured = { ssl_cert_file: certificate, ssl_key_file: key }
    for (const [setting, text] of Object.entries(secured)) {
      const path = await this.#folder.file(`tls/${setting}`, text)
      await chmod(path, 0o600)
      if (isRoot()) await chown(path, NO_USER, NO_USER)
      await this.ask(`ALTER SYSTEM SET ${setting} = '${path}'`)
    }
    await this.ask('ALTER SYSTEM SET ssl = on')
    await this.ask(`ALTER ROLE ${OWNER.username} PASSWORD '${password}'`)
    await writeFile(this.#folder.join('data/pg_hba.conf'), 'local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n')
    await this.ask('SELECT pg_reload_conf()')
  }

  /** SIGKILL: its other processes find out by themselves. SIGQUIT: as in a crash, they write nothing any more. SIGINT: in order. */
  async stop(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT' = 'SIGINT'): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    process.kill(server.pid, signal)
    await server.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    this.#folder[Symbol.dispose]()
  }

  async #makeFiles(): Promise<void> {
    const words = ['--no-sync', '--auth=trust', `--username=${OWNER.username}`, '--encoding=UTF8', '--no-instructions']
    const order = ['--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en']
    const command = [`${this.#programs}/initdb`, ...words, ...order, `--pgdata=${this.#folder.join('data')}`]
    await runToSuccess(asUnprivileged(command), { environment: environmentIn(this.#folder.path) })
  }
}

function ownedFolder(inMemory: boolean): TemporaryFolder {
  const folder = new TemporaryFolder({ inMemory })
  if (isRoot()) chownSync(folder.path, NO_USER, NO_USER)
  return folder
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}

function asUnprivileged(command: readonly string[]): readonly string[] {
  if (!isRoot()) return command
  return ['setpriv', `--reuid=${NO_USER}`, `--regid=${NO_USER}`, '--clear-groups', ...command]
}
