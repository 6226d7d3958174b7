import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../test/support/free-port.ts'
import { berthProgram } from './berth-program.ts'
import { atEnd } from './leftovers.ts'
import { cpuSecondsOf, familyOf, forgetPeak, residentBytesOf } from './program.ts'
import { MANIFEST_TYPE } from './stores/layout-store.ts'
import { ZOT_PROGRAM, zotConfig } from './zot.ts'

/**
 * Who is measured. `peer`: Debian's docker-registry. `zot`: where there is one, in the benches that name it. `berth`: with its default number of
 * processes. `berth-1`: with one.
 */
export const CONTESTANTS = ['peer', 'zot', 'berth', 'berth-1'] as const
export type Contestant = (typeof CONTESTANTS)[number]

export interface RegistryOptions {
  readonly contestant: Contestant
  /** Everything that is its own lies below. */
  readonly folder: string
  readonly security?: Security | undefined
  /** What stands below `storage`, of zot's as JSON; a data directory when left out. */
  readonly storage?: string | undefined
  /** Further sections of the configuration; of zot's, its section `extensions` as JSON. */
  readonly sections?: string | undefined
  /** A program that runs the registry: a tracer. */
  readonly under?: readonly string[]
  readonly environment?: Readonly<Record<string, string>> | undefined
}

export interface Security {
  /** Paths of PEM files. */
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** The path of a file of users. */
  readonly htpasswd?: string
}

const START_MS = 60_000
const SCAN_MS = 30 * 60_000
const STOP_MS = 20_000
/** A registry rests that uses no more of the processor than this in such a time. */
const RESTING_MS = 2_000
const RESTING_SECONDS = 0.1

/** A registry under measurement, on a data directory of its own. What it logs, as much as by default, goes to /dev/null. */
export class RegistryUnderLoad {
  readonly contestant: Contestant
  readonly data: string
  readonly #folder: string
  readonly #security: Security
  readonly #storage: string
  readonly #sections: string
  readonly #under: readonly string[]
  readonly #variables: Readonly<Record<string, string>>
  #port = 0
  #child: Bun.Subprocess | undefined
  #isEnded: () => void = () => undefined

  constructor({ contestant, folder, security = {}, storage, sections = '', under = [], environment = {} }: RegistryOptions) {
    this.contestant = contestant
    this.#folder = join(folder, contestant)
    this.data = join(this.#folder, 'data')
    this.#security = security
    this.#storage = storage ?? storageIn(this.data, contestant)
    this.#sections = sections
    this.#under = under
    this.#variables = environment
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `${this.#security.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`
  }

  /** The path of its configuration, once it has been started. */
  get config(): string {
    return join(this.#folder, 'config.yml')
  }

  get pid(): number {
    if (this.#child === undefined) throw new Error(`${this.contestant} does not run`)
    return this.#child.pid
  }

  /** Resolves with the seconds from the start of the program to its first answer of 200 to a path. `variables`: for this time. */
  async start(path = '/v2/', variables: Readonly<Record<string, string>> = {}): Promise<number> {
    const config = await this.#writeConfig()
    const command = await commandOf(this.contestant)
    const nowhere = openSync('/dev/null', 'w')
    // The peer logs each request twice, Berth once: only what Berth says of itself goes to a file.
    const errors = this.contestant === 'peer' ? nowhere : openSync(this.#logPath, 'a')
    const startedAt = performance.now()
    this.#child = Bun.spawn([...this.#under, ...command, config], {
      env: { ...this.#environment(), ...variables },
      stdio: ['ignore', nowhere, errors],
      // A session of its own, as Berth gives to each of its processes: where other work runs, the kernel shares the machine out by session.
      detached: true,
    })
    this.#isEnded = atEnd(() => this.stop())
    closeSync(nowhere)
    if (errors !== nowhere) closeSync(errors)
    // zot looks through everything that it has before it answers.
    const patienceMs = this.contestant === 'zot' ? SCAN_MS : START_MS
    await this.#until(`an answer to ${path}`, patienceMs, async () => (await this.#statusOf(path)) === 200)
    return (performance.now() - startedAt) / 1000
  }

  /**
   * Waits until everything in the storage has been looked at. The peer has nothing of the kind. zot looks before it answers, and has more to do then,
   * of which it tells nothing.
   */
  async scanned(): Promise<void> {
    if (this.contestant === 'peer') return
    if (this.contestant === 'zot') return await this.#until('rest', SCAN_MS, () => this.#rests())
    await this.#until('a complete scan', SCAN_MS, async () => {
      const response = await fetch(`${this.url}/readyz`, { tls: { rejectUnauthorized: false } })
      const { scan } = (await response.json()) as { scan?: { complete: boolean } }
      return scan?.complete === true
    })
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    // A tracer lets the signal pass; it ends with what it traces.
    const [own, traced] = familyOf(child.pid)
    const registry = this.#under.length === 0 ? own : traced
    if (registry !== undefined) process.kill(registry, 'SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await child.exited
    clearTimeout(timer)
    this.#isEnded()
  }

  cpuSeconds(): number {
    return cpuSecondsOf(this.pid)
  }

  residentBytes(): { readonly now: number; readonly peak: number } {
    return residentBytesOf(this.pid)
  }

  forgetPeak(): void {
    forgetPeak(this.pid)
  }

  async #statusOf(path: string): Promise<number | undefined> {
    try {
      // Without Accept registry:2 answers 404 for a manifest of OCI.
      const response = await fetch(this.url + path, { headers: { Accept: MANIFEST_TYPE }, tls: { rejectUnauthorized: false } })
      await response.arrayBuffer()
      // Who is asked for a password has started as well.
      return response.status === 401 ? 200 : response.status
    } catch {
      return undefined
    }
  }

  async #rests(): Promise<boolean> {
    const before = this.cpuSeconds()
    await Bun.sleep(RESTING_MS)
    return this.cpuSeconds() - before < RESTING_SECONDS
  }

  async #until(what: string, patienceMs: number, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + patienceMs
    while (!(await isSo())) {
      const isOver = this.#child?.exitCode !== null || performance.now() > deadline
      if (isOver) throw new Error(`${this.contestant}: no ${what} in ${patienceMs / 1000} s\n${this.#log()}`)
      await Bun.sleep(5)
    }
  }

  get #logPath(): string {
    return join(this.#folder, 'log')
  }

  #log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, 'utf8') : ''
  }

  async #writeConfig(): Promise<string> {
    await mkdir(this.data, { recursive: true })
    this.#port = await freePort()
    await Bun.write(this.config, this.#configText())
    return this.config
  }

  #configText(): string {
    if (this.contestant === 'zot') return zotConfig({ port: this.#port, storage: this.#storage, extensions: this.#sections })
    return configOf(this.#port, this.#storage, this.#security) + this.#sections
  }

  /** Nothing of the caller's: a proxy or a certificate folder in there changes what is measured. */
  #environment(): Record<string, string> {
    const processes = this.contestant === 'berth-1' ? { BERTH_PROCESSES: '1' } : {}
    return {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: this.#folder,
      STATE_DIRECTORY: join(this.#folder, 'state'),
      ...processes,
      ...this.#variables,
    }
  }
}

async function commandOf(contestant: Contestant): Promise<string[]> {
  const programs = { peer: 'docker-registry', zot: ZOT_PROGRAM } as const
  return [contestant === 'peer' || contestant === 'zot' ? programs[contestant] : await berthProgram(), 'serve']
}

function storageIn(data: string, contestant: Contestant): string {
  return contestant === 'zot' ? JSON.stringify({ rootDirectory: data }) : `  filesystem:\n    rootdirectory: ${data}\n`
}

/** The cache is the peer's own default; Berth accepts the key. */
function configOf(port: number, storage: string, { tls, htpasswd }: Security): string {
  const secure = tls === undefined ? '' : `  tls:\n    certificate: ${tls.certificate}\n    key: ${tls.key}\n`
  const auth = htpasswd === undefined ? '' : `auth:\n  htpasswd:\n    realm: bench\n    path: ${htpasswd}\n`
  return `version: 0.1
storage:
  cache:
    blobdescriptor: inmemory
${storage}  delete:
    enabled: true
http:
  addr: 127.0.0.1:${port}
${secure}${auth}`
}
