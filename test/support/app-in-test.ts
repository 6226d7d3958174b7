import { stringify } from 'yaml'
import { type App, type StartOptions, startApp } from '../../src/composition/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { linesInto, RecordedLog } from './recorded-log.ts'
import { RegistryClient } from './registry-client.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** Berth as it is composed for real, in the test's process, from a configuration file of the test's own. Its log is the test's. */
export class AppInTest implements AsyncDisposable {
  readonly log: RecordedLog
  readonly client: RegistryClient
  readonly #app: App

  private constructor(app: App, log: RecordedLog) {
    this.#app = app
    this.log = log
    this.client = new RegistryClient(app.url)
  }

  /** `sections` stand beside a storage in memory, where deletes are on, and any free port. */
  static async start(
    folder: TemporaryFolder,
    sections: Readonly<Record<string, object>>,
    options: Pick<StartOptions, 'server' | 'expiresSeconds' | 'presencePace' | 'collector' | 'upstreamPatience'> = {},
  ): Promise<AppInTest> {
    const { http, ...others } = sections
    const storage = { inmemory: {}, delete: { enabled: true } }
    const whole = { version: '0.1', log: { formatter: 'json' }, storage, http: { addr: '127.0.0.1:0', ...http }, ...others }
    const path = await folder.file(`${crypto.randomUUID()}.yml`, stringify(whole))
    const { config } = loadConfig({ path, environment: {} })
    const log = new RecordedLog()
    return new AppInTest(await startApp(config, log, { accessOutput: linesInto(log), ...options }), log)
  }

  get url(): string {
    return this.#app.url
  }

  async request(
    method: string,
    path: string,
    init: Pick<RequestInit, 'headers' | 'body' | 'signal' | 'keepalive'> = {},
  ): Promise<Response> {
    return await this.client.request(method, path, init)
  }

  /** What still runs after so long is cut. */
  async stop(timeoutMs = 0): Promise<void> {
    await this.#app.stop({ timeoutMs })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

export function basic(name: string, password: string): { readonly authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` }
}
