import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { type BackgroundProgram, environmentIn, poll, runToSuccess } from './processes.ts'
import { startNginx } from './proxies.ts'
import type { Balancing } from './replicas.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Requests that have begun end where they began. */
const MOVED_MS = 60_000
const NAME = 'nginx'
const PUBLISHED = join(import.meta.dir, '../../deploy/replicas/nginx.conf')

/** nginx with the configuration that is published for replicas; only ports and names are those of a test. */
export class NginxBalancer implements Balancing {
  readonly url: string
  readonly #program: BackgroundProgram
  readonly #folder: TemporaryFolder

  private constructor(port: number, program: BackgroundProgram, folder: TemporaryFolder) {
    this.url = `http://127.0.0.1:${port}`
    this.#program = program
    this.#folder = folder
  }

  /** Before those that there are now. */
  static async start(ports: () => readonly number[]): Promise<NginxBalancer> {
    const folder = new TemporaryFolder()
    const environment = environmentIn(folder.join('home'))
    const machine = { environment, words: [], run: (...words: string[]) => runToSuccess(words, { environment }) }
    const port = await freePort()
    try {
      return new NginxBalancer(port, await startNginx(folder, machine, NAME, await siteOf(port, ports())), folder)
    } catch (error) {
      folder[Symbol.dispose]()
      throw error
    }
  }

  /** Requests go to these from now on, and when it resolves none is at another one any more. */
  async moveTo(ports: readonly number[]): Promise<void> {
    const before = await this.#workers()
    const config = this.#folder.join(NAME, 'nginx.conf')
    const upstream = /^ {4}server 127\.0\.0\.1:\d+/gm
    const left = [...ports]
    await writeFile(
      config,
      (await readFile(config, 'utf8')).replace(upstream, () => `    server 127.0.0.1:${left.shift() ?? 'none'}`),
    )
    process.kill(this.#program.pid, 'SIGHUP')
    await poll('the end of requests that began before', MOVED_MS, async () => {
      const workers = await this.#workers()
      return workers.length > 0 && !workers.some((pid) => before.includes(pid)) ? true : undefined
    })
  }

  async #workers(): Promise<readonly string[]> {
    const { pid } = this.#program
    return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter((text) => text !== '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop()
    this.#folder[Symbol.dispose]()
  }
}

async function siteOf(port: number, upstreams: readonly number[]): Promise<string> {
  const published = await readFile(PUBLISHED, 'utf8')
  const left = [...upstreams]
  const site = published
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace(/^ {4}server berth-\d:5000/gm, () => `    server 127.0.0.1:${left.shift() ?? 'none'}`)
  if (left.length > 0) throw new Error('there are more registries than the published configuration has places for')
  return site
}
