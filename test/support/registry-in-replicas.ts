import { NginxBalancer } from './nginx-balancer.ts'
import { takePostgres } from './postgres-server.ts'
import type { RecordedLog } from './recorded-log.ts'
import { RegistryInProcesses } from './registry-in-processes.ts'
import { type Settings, writeConfig } from './registry-settings.ts'
import type { S3Place } from './s3-client.ts'
import { TemporaryFolder } from './temporary-folder.ts'

interface ReplicasOptions {
  readonly count: number
  readonly storage: S3Place
  readonly settings: Settings
  readonly log: RecordedLog
}

/** Replicas over PostgreSQL with the settings of a protocol test, behind nginx: each request goes to the next one. The log is that of all. */
export class RegistryInReplicas {
  readonly url: string
  readonly directUrl: string
  readonly #resources: AsyncDisposableStack

  private constructor({ url, directUrl }: Pick<RegistryInReplicas, 'url' | 'directUrl'>, resources: AsyncDisposableStack) {
    this.url = url
    this.directUrl = directUrl
    this.#resources = resources
  }

  static async start({ count, storage, settings, log }: ReplicasOptions): Promise<RegistryInReplicas> {
    await using starting = new AsyncDisposableStack()
    const { server } = starting.use(await takePostgres())
    const { socket: host, ...tables } = server.named()
    const metadata = { postgres: { host, port: server.port, ...tables } }
    const urls: string[] = []
    for (let number = 0; number < count; number += 1) {
      const folder = starting.use(new TemporaryFolder())
      const config = await writeConfig(folder, storage, { ...settings, metadata })
      const replica = await RegistryInProcesses.start(folder, config, log)
      starting.defer(() => replica.stop())
      urls.push(replica.url)
    }
    const ports = urls.map((url) => Number(new URL(url).port))
    const { url } = starting.use(await NginxBalancer.start(() => ports))
    return new RegistryInReplicas({ url, directUrl: urls[0] ?? '' }, starting.move())
  }

  async stop(): Promise<void> {
    await this.#resources.disposeAsync()
  }
}
