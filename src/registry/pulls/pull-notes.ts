import { setImmediate } from 'node:timers/promises'
import { readPullsKnownSinceMs } from '../../metadata/keeping/times.ts'
import { type NotedPulls, notePulls, notePullsKnown } from '../../metadata/pulls/notes.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import { isImageIndex, type ManifestMediaType } from '../../oci/media-types.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference, type Tag } from '../../oci/reference.ts'
import { Portion } from '../portion.ts'
import { type PullRecords, pullShardOf } from './pull-records.ts'

/** Names by which manifests were pulled since the last write. Beyond these it is not known any more what was pulled. */
const MOST_NOTES = 50_000
/** One transaction counts the pulls of no more. */
const MOST_AT_ONCE = 50
/** Of the requests of the last minute or two. Beyond these they are forgotten, and a pull counts for no tag, or once more. */
const MOST_RECENT = 10_000

export interface PullNotesOptions {
  readonly metadata: Metadata
  readonly records: Pick<PullRecords, 'restore'>
  /** Names of callers whose pulls do not count. */
  readonly ignoredPullers: readonly string[]
  readonly waitingAtMost?: number
}

/** Their record is found when they are written. */
type WaitingPulls = Omit<NotedPulls, 'shard'>

/** What a request for a manifest was answered with. */
export interface AnsweredManifest {
  readonly repository: RepositoryName
  readonly reference: Reference
  readonly digest: Digest
  readonly mediaType: ManifestMediaType
}

/**
 * How often clients pull which manifests: gathered in memory, and written by a few statements each minute. No pull waits for it; what was gathered
 * since the last write is lost with the process.
 */
export class PullNotes {
  readonly #metadata: Metadata
  readonly #records: Pick<PullRecords, 'restore'>
  readonly #ignored: ReadonlySet<string>
  readonly #waitingAtMost: number
  #waiting = new Map<string, WaitingPulls>()
  /** What clients asked for in this minute: tags by HEAD, and image indexes. */
  #recent = new Map<string, Tag | undefined>()
  /** The same of the minute before. */
  #before: ReadonlyMap<string, Tag | undefined> = new Map()
  /** There were pulls that are noted nowhere: all are known only from the next write on. */
  #hasLost = false
  #hasBegun = false

  constructor({ metadata, records, ignoredPullers, waitingAtMost = MOST_NOTES }: PullNotesOptions) {
    this.#metadata = metadata
    this.#records = records
    this.#waitingAtMost = waitingAtMost
    this.#ignored = new Set(ignoredPullers)
  }

  /** A HEAD is no pull. containerd and Docker find out by it where a tag leads, and pull that by its digest: such a pull counts for the tag. */
  looked({ repository, reference, digest }: AnsweredManifest, client: Actor): void {
    if (!isDigest(reference)) this.#remember(`${clientOf(client)} ${repository}@${digest}`, reference)
  }

  /** A GET. The image of a platform that follows its image index is a part of one pull of the repository. */
  pulled({ repository, reference, digest, mediaType }: AnsweredManifest, client: Actor): void {
    if (client.name !== undefined && this.#ignored.has(client.name)) return
    const sender = clientOf(client)
    const resolved = this.#forget(`${sender} ${repository}@${digest}`)
    const tag = isDigest(reference) ? resolved : reference
    const isPart = isDigest(reference) && !isImageIndex(mediaType) && this.#isRecent(`${sender} ${repository}`)
    if (isImageIndex(mediaType)) this.#remember(`${sender} ${repository}`, undefined)
    this.#add({ repository, digest, tag, ofRepository: isPart ? 0 : 1 })
  }

  /** Writes what was gathered, and since when that is all. What could not be written is gathered still. */
  async write(): Promise<void> {
    this.#before = this.#recent
    this.#recent = new Map()
    // What the storage has of a database that was lost comes first: it says nothing of rows that are there.
    await this.#records.restore()
    await this.#writeKnown()
    const waiting = [...this.#waiting]
    const portion = new Portion({ most: MOST_AT_ONCE })
    for (let start = 0; start < waiting.length; ) {
      const some = waiting.slice(start, start + portion.size)
      start += some.length
      // What comes meanwhile begins at 0, beside what is being written.
      for (const [name] of some) this.#waiting.delete(name)
      const pulls = some.map(([, noted]) => ({ ...noted, shard: pullShardOf(noted.repository) }))
      try {
        await portion.write(this.#metadata, (query) => notePulls(query, pulls), pulls.length)
      } catch (error) {
        for (const noted of pulls) this.#add(noted, noted)
        throw error
      }
      await setImmediate()
    }
  }

  async #writeKnown(): Promise<void> {
    this.#hasBegun ||= (await readPullsKnownSinceMs(this.#metadata.read)) !== undefined
    const areAll = !this.#hasLost
    if (this.#hasBegun && areAll) return
    this.#hasLost = false
    try {
      await this.#metadata.write((query) => notePullsKnown(query, { areAll }))
      this.#hasBegun = true
    } catch (error) {
      this.#hasLost ||= !areAll
      throw error
    }
  }

  #add(
    { repository, digest, tag, ofRepository }: Pick<NotedPulls, 'repository' | 'digest' | 'tag' | 'ofRepository'>,
    { count, lastMs }: Pick<NotedPulls, 'count' | 'lastMs'> = { count: 1, lastMs: Date.now() },
  ): void {
    const name = `${repository}@${digest} ${tag ?? ''}`
    const known = this.#waiting.get(name)
    if (known === undefined && this.#waiting.size >= this.#waitingAtMost) {
      this.#hasLost = true
      return
    }
    this.#waiting.set(name, {
      ...{ repository, digest, tag },
      count: (known?.count ?? 0) + count,
      ofRepository: (known?.ofRepository ?? 0) + ofRepository,
      lastMs: Math.max(known?.lastMs ?? 0, lastMs),
    })
  }

  #remember(name: string, tag: Tag | undefined): void {
    if (this.#recent.size >= MOST_RECENT) this.#recent.clear()
    this.#recent.set(name, tag)
  }

  /** The tag that the client asked for, once. */
  #forget(name: string): Tag | undefined {
    const tag = this.#recent.has(name) ? this.#recent.get(name) : this.#before.get(name)
    if (tag !== undefined) this.#remember(name, undefined)
    return tag
  }

  #isRecent(name: string): boolean {
    return this.#recent.has(name) || this.#before.has(name)
  }
}

/** A client of which only the address is known is the one with that address. */
function clientOf({ name = '', address = '' }: Actor): string {
  return `${name} ${address}`
}
