import { currentNumber, type Metadata, type Query } from '../../metadata/query.ts'
import { findSaid, forgetChanged, type LinkedName, listExpired, noteChanged } from '../../metadata/repeats/changed-twice.ts'
import { noteFromNowOn, type Passed, setExpired } from '../../metadata/repeats/expired.ts'
import { forgetRemoved } from '../../metadata/repeats/removed-bytes.ts'
import { ownWork } from '../../observe/actor.ts'
import type { Log } from '../../observe/log.ts'
import type { Digest } from '../../oci/digest.ts'
import { allEnded } from '../../storage/all-ended.ts'
import { type Placement, type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, indexLinkFile, LINK_FILE, layout, MAX_LINK_BYTES } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'
import type { Operations } from './operations.ts'

/** One run looks at no more links. */
const AT_ONCE = 200
/** A store that does not look at the time of a signature would do a request again much later: for that long no push of bytes is to wait. */
const LONGEST_LATE_MS = 20_000
/** How often the number of the last change is read within the time in which a request may come again: so exactly is known when it expires. */
const LOOKS_WHILE_LATE = 16
/** An operation that does not end holds up all that began after it. */
const MOST_LOOKS = 4 * LOOKS_WHILE_LATE

/** Is told of a link that is written or removed once more. */
export type OnRepaired = (kind: LinkedName['kind']) => void

/** At this time of the monotonic clock the last change was this one. */
interface Look {
  readonly upTo: number
  readonly atMs: number
  /** The last change when no request could come any more of those up to `upTo`; undefined before that. */
  readonly since: number | undefined
}

export interface RepeatedRequestsOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
  readonly epoch: number
  /** For so long after it was sent a request may come a second time. */
  readonly lateMs: number
  readonly log: Log
  readonly onRepaired?: OnRepaired | undefined
}

/** Undefined where no request to the storage comes twice, as in a directory, and where nothing is written to it. */
export function createRepeats(
  options: Omit<RepeatedRequestsOptions, 'lateMs'> & {
    readonly onlyReads?: boolean
    readonly collector?: { readonly isReadOnly: boolean }
  },
): RepeatedRequests | undefined {
  const mayWrite = options.onlyReads !== true && options.collector?.isReadOnly !== true
  const lateMs = Math.min(options.storage.capabilities.lateMs, LONGEST_LATE_MS)
  return mayWrite && lateMs > 0 ? new RepeatedRequests({ ...options, lateMs }) : undefined
}

/**
 * For a bucket behind a proxy that delivers a request once more which was answered (docs/decisions/0036-repeated-requests.md). Of a link that changed again
 * while that could happen, it may undo the last change: when the store refuses all of them, the bucket is made to say what the rows say.
 */
export class RepeatedRequests {
  readonly #options: RepeatedRequestsOptions
  #looks: readonly Look[] = []
  #lookedAtMs = Number.NEGATIVE_INFINITY
  /** As far as this process has noted it. */
  #expired = 0

  constructor(options: RepeatedRequestsOptions) {
    this.#options = options
  }

  /** Before the first change of this process. */
  async begin(): Promise<void> {
    await this.#options.metadata.write(noteFromNowOn)
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#expire()
    const { metadata, storage } = this.#options
    const waiting = await listExpired(metadata.read, AT_ONCE)
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined && !signal.aborted; next = waiting.shift()) await this.#repair(next)
    }
    await allEnded(Array.from({ length: storage.capabilities.questionsAtOnce }, work))
  }

  /** Notes which changes have expired. No clock of the machine decides: a process that takes this over counts from its own first look. */
  async #expire(): Promise<void> {
    const { metadata, lateMs } = this.#options
    const nowMs = performance.now()
    if (nowMs < this.#lookedAtMs + lateMs / LOOKS_WHILE_LATE) return
    const number = await currentNumber(metadata.read)
    this.#lookedAtMs = performance.now()
    const looks = this.#looks.map((look) => ({ ...look, since: look.since ?? (nowMs < look.atMs + lateMs ? undefined : number) }))
    const isNew = number !== (looks.at(-1)?.upTo ?? this.#expired)
    this.#looks =
      isNew && looks.length < MOST_LOOKS ? [...looks, { upTo: number, atMs: this.#lookedAtMs, since: undefined }] : looks
    const passed = looks.flatMap(({ upTo, since }) => (since === undefined ? [] : [{ upTo, since }]))
    if (passed.length > 0) await this.#noteExpired(passed)
  }

  async #noteExpired(passed: readonly Passed[]): Promise<void> {
    const expired = await this.#options.metadata.write(async (query) => {
      const upTo = await setExpired(query, passed)
      await forgetRemoved(query)
      return upTo
    })
    if (expired === undefined) return
    this.#expired = expired
    this.#looks = this.#looks.filter(({ upTo }) => upTo > expired)
  }

  /** An operation like any other: it has the link for itself, and requests of its own that may be repeated. */
  async #repair(name: LinkedName): Promise<void> {
    const { operations, epoch, log, onRepaired } = this.#options
    let isRepaired = false
    const plan = async (query: Query) => {
      const said = await findSaid(query, name)
      if (!said.isExpired) throw new NotYet()
      // Where all processes had ended, another registry may have served the bucket since: what it says is believed.
      return { plan: said.epoch === epoch ? said : undefined, claims: [{ name, alone: true }] }
    }
    try {
      await operations.perform({
        name: 'repair after a repeated request',
        actor: ownWork('repeats'),
        plan,
        act: async (said) => {
          isRepaired = said !== undefined && (await this.#write(name, said.digest))
        },
        confirm: async (query, _, stamp) => {
          if (isRepaired) await noteChanged(query, [name], stamp.number)
          else await forgetChanged(query, name)
        },
      })
    } catch (error) {
      if (error instanceof NotYet) return
      throw error
    }
    if (!isRepaired) return
    log.warn('a request to the object store was delivered twice and undid a later change, which is made again', { ...name })
    onRepaired?.(name.kind)
  }

  /** False when the storage says so already. */
  async #write(name: LinkedName, digest: Digest | null): Promise<boolean> {
    const { storage } = this.#options
    const { directory, visibleBy } = placeOf(name)
    if (digest === null) {
      // Of a tag also what makes it none to Berth, and a name without an image to registry:2.
      const isThere = name.kind === 'tag' ? (await storage.list(directory)).length > 0 : (await this.#read(name)) !== undefined
      if (isThere) await storage.remove(directory, visibleBy)
      return isThere
    }
    if ((await this.#read(name)) === digest && (await this.#isInHistory(name, digest))) return false
    await storage.place([placement(name, digest)])
    return true
  }

  /** Of a tag that points to it. */
  async #isInHistory(name: LinkedName, digest: Digest): Promise<boolean> {
    if (name.kind !== 'tag') return true
    const path = storagePath(layout.tag(name.repository, name.tag), indexLinkFile(digest))
    return (await this.#options.storage.stat(path)) !== undefined
  }

  /** The text of a link; undefined when it is not there. */
  async #read(name: LinkedName): Promise<string | undefined> {
    const { directory, visibleBy } = placeOf(name)
    try {
      const bytes = await this.#options.storage.readSmall(storagePath(directory, visibleBy), MAX_LINK_BYTES)
      return bytes && new TextDecoder().decode(bytes)
    } catch (error) {
      if (error instanceof FileTooLargeError) return ''
      throw error
    }
  }
}

interface LinkPlace {
  readonly directory: StoragePath
  readonly visibleBy: string
}

function placeOf(name: LinkedName): LinkPlace {
  switch (name.kind) {
    case 'tag':
      return { directory: layout.tag(name.repository, name.tag), visibleBy: CURRENT_LINK_FILE }
    case 'link':
      return { directory: layout.layer(name.repository, name.digest), visibleBy: LINK_FILE }
    case 'manifest':
      return { directory: layout.revision(name.repository, name.digest), visibleBy: LINK_FILE }
  }
}

function placement(name: LinkedName, digest: Digest): Placement {
  const { directory, visibleBy } = placeOf(name)
  const bytes = new TextEncoder().encode(digest)
  const names = name.kind === 'tag' ? [indexLinkFile(digest), visibleBy] : [visibleBy]
  return { directory, files: names.map((file) => ({ name: file, bytes })) }
}

/** Thrown inside the claiming transaction: the link has changed since, and is looked at later. */
class NotYet extends Error {}
