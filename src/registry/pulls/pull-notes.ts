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

/** Pulls by one name that wait for their write: they are counted in place, and their record is found when they are written. */
interface WaitingPulls extends Omit<NotedPulls, 'shard' | 'count' | 'ofRepository' | 'lastMs'> {
  count: number
  ofRepository: number
  lastMs: number
}

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
    const byDigest = isDigest(reference)
    const ofIndex = isImageIndex(mediaType)
    const hasRecent = this.#recent.size > 0 || this.#before.size > 0
    const resolved = hasRecent ? this.#forget(`${clientOf(client)} ${repository}@${digest}`) : undefined
    const isPart = hasRecent && byDigest && !ofIndex && this.#isRecent(`${clientOf(client)} ${repository}`)
    if (ofIndex) this.#remember(`${clientOf(client)} ${repository}`, undefined)
    const noted = this.#noted(repository, digest, byDigest ? resolved : reference)
    if (noted === undefined) return
    noted.count += 1
    if (!isPart) noted.ofRepository += 1
    noted.lastMs = Date.now()
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
      // What comes from now on begins at 0, beside what is being written.
      for (const [name] of some) this.#waiting.delete(name)
      const pulls = some.map(([, noted]) => ({ ...noted, shard: pullShardOf(noted.repository) }))
      try {
        await portion.write(this.#metadata, (query) => notePulls(query, pulls), pulls.length)
      } catch (error) {
        for (const unwritten of pulls) this.#add(unwritten)
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

  #add({ repository, digest, tag, count, ofRepository, lastMs }: NotedPulls): void {
    const noted = this.#noted(repository, digest, tag)
    if (noted === undefined) return
    noted.count += count
    noted.ofRepository += ofRepository
    noted.lastMs = Math.max(noted.lastMs, lastMs)
  }

  /** Where pulls by a name are counted. Undefined where there is no room for one more name. */
  #noted(repository: RepositoryName, digest: Digest, tag: Tag | undefined): WaitingPulls | undefined {
    const name = `${repository}@${digest} ${tag ?? ''}`
    const known = this.#waiting.get(name)
    if (known !== undefined) return known
    if (this.#waiting.size >= this.#waitingAtMost) {
      this.#hasLost = true
      return undefined
    }
    const noted = { repository, digest, tag, count: 0, ofRepository: 0, lastMs: 0 }
    this.#waiting.set(name, noted)
    return noted
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
