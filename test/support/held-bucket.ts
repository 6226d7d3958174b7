import { Bucket } from '../../src/storage/s3/bucket.ts'
import type { S3ClientOptions } from '../../src/storage/s3/requests/s3-client.ts'
import { type DiskHook, HeldCalls, withoutIds } from './held-disk.ts'

/** When an object was written, for what the store says of that. */
export type ChangedAt = (key: string, ms: number) => number

/** A bucket whose requests a test can hold for as long as it likes, or for ever: named as in `put docker/…`. Those that bring bytes back are not held. */
export class HeldBucket extends Bucket {
  readonly #calls: HeldCalls
  readonly #changedAt: ChangedAt

  constructor(options: S3ClientOptions, hook: DiskHook, changedAt: ChangedAt = (_, ms) => ms) {
    super(options)
    this.#calls = new HeldCalls(hook)
    this.#changedAt = changedAt
  }

  /** What a process that died had sent has come by the time that it is dead: `die` waits for it. */
  override get lateMs(): number {
    return 0
  }

  /** What the system does when a process dies, and the store: requests that were sent come to their end. */
  async die(): Promise<void> {
    await this.#calls.ended()
  }

  override async head(...parts: Parameters<Bucket['head']>) {
    const [key] = parts
    const facts = await this.#hold('stat', key, () => super.head(...parts))
    return facts && { ...facts, changedAtMs: this.#changedAt(key, facts.changedAtMs) }
  }

  override async list(...parts: Parameters<Bucket['list']>) {
    return await this.#hold('list', parts[0], () => super.list(...parts))
  }

  override async put(...parts: Parameters<Bucket['put']>): Promise<void> {
    await this.#hold('put', parts[0], () => super.put(...parts))
  }

  override async putInTime(...parts: Parameters<Bucket['putInTime']>): Promise<void> {
    await this.#hold('put', parts[0], () => super.putInTime(...parts))
  }

  override async delete(...parts: Parameters<Bucket['delete']>): Promise<void> {
    await this.#hold('delete', parts[0], () => super.delete(...parts))
  }

  override async deleteInTime(...parts: Parameters<Bucket['deleteInTime']>): Promise<void> {
    await this.#hold('delete', parts[0], () => super.deleteInTime(...parts))
  }

  override async copy(...parts: Parameters<Bucket['copy']>): Promise<boolean> {
    return await this.#hold('copy to', parts[1], () => super.copy(...parts))
  }

  override async createMultipart(...parts: Parameters<Bucket['createMultipart']>) {
    return await this.#hold('begin', parts[0], () => super.createMultipart(...parts))
  }

  override async uploadPart(...parts: Parameters<Bucket['uploadPart']>) {
    return await this.#hold('send a part of', parts[0].key, () => super.uploadPart(...parts))
  }

  override async copyPart(...parts: Parameters<Bucket['copyPart']>) {
    return await this.#hold('copy a part of', parts[0].key, () => super.copyPart(...parts))
  }

  override async complete(...parts: Parameters<Bucket['complete']>): Promise<void> {
    await this.#hold('complete', parts[0].key, () => super.complete(...parts))
  }

  override async abort(...parts: Parameters<Bucket['abort']>): Promise<void> {
    await this.#hold('abort', parts[0].key, () => super.abort(...parts))
  }

  async #hold<Result>(what: string, key: string, task: () => Promise<Result>): Promise<Result> {
    return await this.#calls.hold(`${what} ${withoutIds(key)}`, task)
  }
}
