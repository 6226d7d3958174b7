import { currentNumber, type Metadata, type Query } from '../../metadata/query.ts'
import {
  type ChangedTwice,
  findSaid,
  forgetChanged,
  type LinkedName,
  listExpired,
  noteChanged,
  noteFromNowOn,
  setExpired,
} from '../../metadata/repeats/changed-twice.ts'
import { ownWork } from '../../observe/actor.ts'
import type { Log } from '../../observe/log.ts'
import type { Digest } from '../../oci/digest.ts'
import { allEnded } from '../../storage/all-ended.ts'
import { type Placement, type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, indexLinkFile, LINK_FILE, layout, MAX_LINK_BYTES } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'
import type { Operations } from './operations.ts'

/** One run looks at no more. */
const AT_ONCE = 200
/** Where all processes had died, the rows are believed for so long against the storage: after that another registry may have served it. */
const BELIEVED_MS = 60 * 60 * 1_000

/** Is told of a link that is written or removed once more. */
export type OnRepaired = (kind: LinkedName['kind']) => void

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
  const { lateMs } = options.storage.capabilities
  return mayWrite && lateMs > 0 ? new RepeatedRequests({ ...options, lateMs }) : undefined
}

/**
 * For a bucket behind a proxy that delivers a request once more which was answered (docs/decisions/0036-repeated-requests.md). Of a link that changed again
 * while that could happen, it may undo the last change: when the store refuses all of them, the bucket is made to say what the rows say.
 */
export class RepeatedRequests {
  readonly #options: RepeatedRequestsOptions
  /** Changes up to this number were made before this time of the monotonic clock. */
  #awaited: { readonly upTo: number; readonly fromMs: number } | undefined
  /** As large as any number that was drawn while those could still come. */
  #since: number | undefined

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
    this.#awaited ??= { upTo: await currentNumber(metadata.read), fromMs: performance.now() }
    const { upTo, fromMs } = this.#awaited
    if (performance.now() < fromMs + lateMs) return
    this.#since ??= await currentNumber(metadata.read)
    const since = this.#since
    if (!(await metadata.write((query) => setExpired(query, upTo, since)))) return
    this.#awaited = undefined
    this.#since = undefined
  }

  /** An operation like any other: it has the link for itself, and requests of its own that may be repeated. */
  async #repair({ name, atMs }: ChangedTwice): Promise<void> {
    const { operations, epoch, log, onRepaired } = this.#options
    let isRepaired = false
    const plan = async (query: Query) => {
      const said = await findSaid(query, name)
      if (!said.isExpired) throw new NotYet()
      const isBelieved = said.epoch === epoch || Date.now() < atMs + BELIEVED_MS
      return { plan: isBelieved ? said : undefined, claims: [{ name, alone: true }] }
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
