import type { AccessController } from '../../src/access/access.ts'
import type { Handler } from '../../src/http/pipeline.ts'
import type { Metadata } from '../../src/metadata/query.ts'
import { type OpenedMetadata, openMetadata } from '../../src/metadata/sqlite/open.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../../src/registry/collect/policy.ts'
import type { OnRescued } from '../../src/registry/content/rescue.ts'
import { ensureStoreId } from '../../src/registry/handover/store-id.ts'
import type { MirrorSources } from '../../src/registry/mirror/mirrors.ts'
import type { NotificationSettings } from '../../src/registry/notifications/settings.ts'
import { QuotaCount } from '../../src/registry/quotas/quota-count.ts'
import { type QuotaRule, QuotaRules } from '../../src/registry/quotas/quota-rules.ts'
import { createRegistry, type Registry } from '../../src/registry/registry.ts'
import { NO_POLICY, type RetentionPolicy } from '../../src/registry/retention/retention-policy.ts'
import type { StorageDriver } from '../../src/storage/driver.ts'
import { handlerOf } from './handler-of.ts'
import { RecordedLog } from './recorded-log.ts'
import { RegistryClient } from './registry-client.ts'
import { type OpenedRoot, openRoot, type RootOptions, type TestRoot } from './test-root.ts'

export interface InProcessOptions extends RootOptions {
  readonly metadata?: (metadata: Metadata) => Metadata
  readonly collector?: CollectorPolicy
  readonly onRescued?: OnRescued
  readonly quotas?: readonly QuotaRule[]
  readonly retention?: RetentionPolicy
  readonly notifications?: NotificationSettings | undefined
  readonly mirrors?: MirrorSources | undefined
  /** Left out, what is in images is not told. */
  readonly readsLayers?: boolean
  /** Left out, anonymous clients may do everything. */
  readonly access?: AccessController
}

/**
 * What a Berth process is, inside the test: a registry with its own locks and its own connections on a data directory or a bucket. Several of
 * them share it as processes do. Nothing runs in the background; a test says when the sweep and the scan run.
 */
export class BerthInProcess implements AsyncDisposable {
  readonly registry: Registry
  readonly client: RegistryClient
  readonly opened: OpenedMetadata
  readonly log: RecordedLog
  readonly storage: StorageDriver
  readonly #root: OpenedRoot
  readonly #count: QuotaCount
  #isDead = false

  private constructor(parts: {
    readonly registry: Registry
    readonly handler: Handler
    readonly opened: OpenedMetadata
    readonly storage: StorageDriver
    readonly root: OpenedRoot
    readonly count: QuotaCount
    readonly log: RecordedLog
  }) {
    this.registry = parts.registry
    this.client = new HandlerClient(parts.handler)
    this.opened = parts.opened
    this.log = parts.log
    this.storage = parts.storage
    this.#root = parts.root
    this.#count = parts.count
  }

  /** Starts as `berth serve` does, with the settling of what the last run left. */
  static async start(on: TestRoot, options: InProcessOptions = {}): Promise<BerthInProcess> {
    const root = await openRoot(on, options)
    const { objects, metadataPath: path, runDirectory } = root
    const opened = await openMetadata({ path, runDirectory, storeId: () => ensureStoreId(objects) })
    const storage = await root.driver(opened)
    const log = new RecordedLog()
    const { locks: liveness, processId, epoch } = opened
    const uploadPurging = { enabled: false, ageMs: 0, intervalMs: 0, dryRun: false }
    const metadata = options.metadata?.(opened.metadata) ?? opened.metadata
    const { collector = DEFAULT_POLICY, quotas = [], retention = NO_POLICY, mirrors, notifications, access } = options
    const { onRescued, readsLayers = false } = options
    const rules = { uploadPurging, collector, quotas, retention, mirrors, notifications, readsLayers }
    const registry = createRegistry({ storage, metadata, liveness, processId, epoch, ...rules, onRescued, log })
    if (opened.beganEpoch) await registry.operations.sweep()
    await registry.notifications?.begin()
    const count = new QuotaCount({ metadata, rules: new QuotaRules(quotas), log })
    return new BerthInProcess({ registry, handler: handlerOf(registry, log, access), opened, storage, root, count, log })
  }

  /** Looks at everything, as the background scan does. */
  async scan(): Promise<void> {
    await this.registry.backgroundScan.run(new AbortController().signal)
  }

  /** Counts what is there for the quotas, as the process that has the duty does each second. */
  async countQuotas(): Promise<void> {
    await this.#count.run(new AbortController().signal)
  }

  async sweep(): Promise<void> {
    await this.registry.operations.sweep()
  }

  /** Removes what the dead have left, as each process does every few seconds. */
  async removeLeftovers(): Promise<void> {
    await this.registry.orphans.run()
    await this.storage.removeLeftoversOf(async (owner) => !(await this.opened.locks.isAlive(owner)))
  }

  async stop(): Promise<void> {
    if (this.#isDead) return
    this.#isDead = true
    await this.registry.operations.finish()
    await this.storage.close()
    await this.opened.metadata.close()
    this.opened.locks.release(this.opened.processId)
  }

  /** What `kill -9` does. The test has seen to it that what is under way waits for ever. */
  async kill(): Promise<void> {
    if (this.#isDead) return
    this.#isDead = true
    await this.#root.die()
    await this.opened.metadata.close()
    this.opened.locks.release(this.opened.processId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Speaks to the protocol handler without a socket. */
export class HandlerClient extends RegistryClient {
  readonly #handler: Handler

  constructor(handler: Handler) {
    super('http://berth.test')
    this.#handler = handler
  }

  override async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    return await this.#handler(new Request(new URL(path, this.url).href, { method, ...init }), { client: undefined })
  }
}
