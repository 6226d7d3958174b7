import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import { atEnd } from '../leftovers.ts'

const START_MS = 20_000
const [ACCESS_KEY, SECRET_KEY] = ['bench', 'a-secret-of-the-bench']
/** Where `npm run test:stores` puts it. */
const STORES = process.env.BERTH_TEST_STORES ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'berth-test-stores')

/** versitygw on a directory: of the stores that run on one machine the one that takes the least of it. A bucket is a directory. */
export class BucketStore {
  readonly #data: string
  readonly #port: number
  readonly #child: Bun.Subprocess
  readonly #isEnded: () => void

  private constructor(data: string, port: number, child: Bun.Subprocess) {
    this.#data = data
    this.#port = port
    this.#child = child
    this.#isEnded = atEnd(() => this.stop())
  }

  static async start(folder: string): Promise<BucketStore> {
    const data = join(folder, 'store')
    await mkdir(data, { recursive: true })
    const port = await freePort()
    const command = [join(STORES, 'versitygw'), '--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', data]
    const child = Bun.spawn(command, {
      env: { PATH: process.env.PATH ?? '', HOME: folder, ROOT_ACCESS_KEY_ID: ACCESS_KEY, ROOT_SECRET_ACCESS_KEY: SECRET_KEY },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const store = new BucketStore(data, port, child)
    await store.#answers()
    return store
  }

  /** A new bucket, as the section `storage` of a configuration names it. No client is sent to the store. */
  async newBucket(name: string): Promise<string> {
    await mkdir(join(this.#data, name), { recursive: true })
    return `  s3:
    region: us-east-1
    regionendpoint: http://127.0.0.1:${this.#port}
    forcepathstyle: true
    bucket: ${name}
    accesskey: ${ACCESS_KEY}
    secretkey: ${SECRET_KEY}
    secure: false
  redirect:
    disable: true
`
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child.exited
    this.#isEnded()
  }

  async #answers(): Promise<void> {
    const deadline = performance.now() + START_MS
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${this.#port}/`).catch(() => undefined)
      await response?.arrayBuffer()
      if (response !== undefined) return
      if (performance.now() > deadline || this.#child.exitCode !== null) throw new Error('versitygw does not start')
      await Bun.sleep(20)
    }
  }
}
