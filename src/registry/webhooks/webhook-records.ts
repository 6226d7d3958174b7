import { type StorageDriver, storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'
import { findWebhook, formatWebhook, type Webhook } from './webhook.ts'

const MOST_BYTES = 64 * 1024

/** The records of webhooks, one file each below `berth/v1/webhooks`, which only the registry reads. Durable when a promise resolves; all may be repeated. */
export class WebhookRecords {
  readonly #storage: Pick<StorageDriver, 'readSmall' | 'list' | 'place' | 'remove'>

  constructor(storage: Pick<StorageDriver, 'readSmall' | 'list' | 'place' | 'remove'>) {
    this.#storage = storage
  }

  /** In their order, also of records that cannot be read. */
  async names(): Promise<readonly string[]> {
    return await this.#storage.list(berthLayout.webhooks)
  }

  /** Undefined where there is none; 'unreadable' where the file is no record. */
  async find(name: string): Promise<Webhook | 'unreadable' | undefined> {
    try {
      const bytes = await this.#storage.readSmall(storagePath(berthLayout.webhooks, name), MOST_BYTES)
      return bytes === undefined ? undefined : (findWebhook(new TextDecoder().decode(bytes)) ?? 'unreadable')
    } catch (error) {
      if (error instanceof FileTooLargeError) return 'unreadable'
      throw error
    }
  }

  async write(webhook: Webhook): Promise<void> {
    const bytes = new TextEncoder().encode(formatWebhook(webhook))
    await this.#storage.place([{ directory: berthLayout.webhooks, files: [{ name: webhook.name, bytes, secret: true }] }])
  }

  async remove(name: string): Promise<void> {
    await this.#storage.remove(storagePath(berthLayout.webhooks, name))
  }
}
