import type { Metadata, Query } from '../../metadata/query.ts'
import {
  findRemark,
  hasStar,
  listRemarkNames,
  putDescription,
  putStar,
  type RemarkName,
  type RemarkRow,
} from '../../metadata/remarks/remarks.ts'
import { readProperty, writeProperty } from '../../metadata/scans.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { Rest } from '../rest.ts'
import { descriptionOf, type RemarkRecord, RemarkRecords, starFile } from './remark-records.ts'

const AT_ONCE = 200
/** So often another process may change the same record while this one looks at it. */
const LOOKS = 10

export interface RemarksOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly epoch: number
}

export interface ShownRemark extends RemarkRow {
  /** The caller has given a star. */
  readonly isStarred: boolean
}

/**
 * Descriptions and stars, which people give to repositories. The storage is right before the metadata says so, and nothing is answered before both; a
 * change that a crash has cut is found by the look at all of them, once in each epoch.
 */
export class Remarks {
  readonly #metadata: Metadata
  readonly #records: RemarkRecords
  readonly #epoch: number

  constructor({ storage, metadata, epoch }: RemarksOptions) {
    this.#metadata = metadata
    this.#records = new RemarkRecords(storage)
    this.#epoch = epoch
  }

  /** `user`: whose star is looked for; undefined for a caller without a name. */
  async of(repository: RepositoryName, user: string | undefined): Promise<ShownRemark> {
    const { read } = this.#metadata
    const remark = await findRemark(read, repository)
    return { ...remark, isStarred: user !== undefined && (await hasStar(read, repository, starFile(user))) }
  }

  /** Undefined, or a text that has nothing to be shown: the newest image describes it again. Gives what is shown from now on. */
  async describe(repository: RepositoryName, text: string | undefined, by: string | undefined): Promise<string | undefined> {
    const shown = descriptionOf(text ?? '')
    if (shown === '') await this.#records.remove({ repository, user: '' })
    else await this.#records.describe(repository, shown, by)
    await this.#settle({ repository, user: '' })
    return shown === '' ? undefined : shown
  }

  /** One for each user. */
  async star(repository: RepositoryName, user: string): Promise<void> {
    await this.#records.star(repository, user)
    await this.#settle({ repository, user: starFile(user) })
  }

  async unstar(repository: RepositoryName, user: string): Promise<void> {
    const record = { repository, user: starFile(user) }
    await this.#records.remove(record)
    await this.#settle(record)
  }

  /** Brings the rows in line with the storage, once in each epoch. */
  async run(signal: AbortSignal): Promise<void> {
    const { read } = this.#metadata
    if (Number(await readProperty(read, 'remarks-epoch')) === this.#epoch) return
    await this.#settleRows(signal)
    for await (const records of this.#records.pages()) await this.#settleAll(records, signal)
    await this.#metadata.write((query) => writeProperty(query, 'remarks-epoch', String(this.#epoch)))
  }

  /** Those that the storage does not have any more are among them. */
  async #settleRows(signal: AbortSignal): Promise<void> {
    for (let last: RemarkName = { repository: '' as RepositoryName, user: '' }; ; ) {
      const rows = await listRemarkNames(this.#metadata.read, last, AT_ONCE)
      await this.#settleAll(rows, signal)
      const end = rows.at(-1)
      if (rows.length < AT_ONCE || end === undefined) return
      last = end
    }
  }

  async #settleAll(records: readonly RemarkRecord[], signal: AbortSignal): Promise<void> {
    const rest = new Rest()
    for (const record of records) {
      signal.throwIfAborted()
      await this.#settle(record)
      await rest.after(0)
    }
  }

  /** The row says what the storage says. A process that wrote its row last has looked again after that, so that the last look and the last row agree. */
  async #settle(record: RemarkRecord): Promise<void> {
    const { repository, user } = record
    let seen = await this.#look(record)
    for (let look = 1; look <= LOOKS; look += 1) {
      const found = seen
      await this.#metadata.write(async (query: Query) => {
        if (user === '') await putDescription(query, repository, typeof found === 'string' ? found : undefined)
        else await putStar(query, repository, user, found === true)
      })
      seen = await this.#look(record)
      if (seen === found) return
    }
    throw new Error(`the remarks on ${repository} changed again and again`)
  }

  async #look({ repository, user }: RemarkRecord): Promise<string | boolean | undefined> {
    return user === '' ? await this.#records.description(repository) : await this.#records.hasStar(repository, user)
  }
}
