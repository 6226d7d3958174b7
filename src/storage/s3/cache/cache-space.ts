import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { algorithmOf, type Digest, hexOf } from '../../../oci/digest.ts'
import { undefinedIfMissing } from '../../../runtime/error-code.ts'
import { withDescriptor } from '../../free-descriptor.ts'

/** A file on which nothing has been written for so long belongs to a process that is gone: connections that rest are cut sooner. */
const GIVEN_UP_AFTER_MS = 15 * 60_000
/** Looked at as seldom as this, the time of the last use of a file is good enough to tell which goes first. */
const USE_NOTED_EVERY_MS = 60_000
/** Names that this cache gives: anything else in the directory is not ours, neither counted nor removed. */
const ARRIVING = /^[0-9a-f-]{36}-\d{1,15}$/
const WHOLE = /^sha(256|512)-[0-9a-f]+-\d{1,15}$/
/** What is cleared once there is no room: a tenth, so that not each new file lists all the others. */
const FULL_SHARE = 0.9

export interface CacheSpaceOptions {
  readonly directory: string
  /** All files together, for all processes that share the directory. */
  readonly maxBytes: number
}

export interface KeptFile {
  readonly handle: Awaited<ReturnType<typeof open>>
  readonly size: number
}

/**
 * Files of blobs in a directory that processes share, never more bytes than allowed. Names say sizes:
 *
 *   arriving/<uuid>-<size>                   is being written
 *   whole/<aa>/<algorithm>-<hex>-<size>      was verified, and is durable; used last at its time of change
 *
 * Who wants to write makes the empty file first and adds up all sizes then: of two that do so at once, one sees both. Methods throw what
 * the disk reports.
 */
export class CacheSpace {
  readonly #arriving: string
  readonly #whole: string
  readonly #maxBytes: number

  constructor({ directory, maxBytes }: CacheSpaceOptions) {
    this.#arriving = join(directory, 'arriving')
    this.#whole = join(directory, 'whole')
    this.#maxBytes = maxBytes
  }

  /** A file for so many bytes, which others have made room for; undefined when there is none. The caller places or removes it. */
  async reserve(size: number): Promise<{ readonly path: string; readonly handle: KeptFile['handle'] } | undefined> {
    if (size > this.#maxBytes) return undefined
    await mkdir(this.#arriving, { recursive: true, mode: 0o700 })
    const path = join(this.#arriving, `${crypto.randomUUID()}-${size}`)
    const handle = await withDescriptor(() => open(path, 'wx', 0o600))
    try {
      if (await this.#makeRoom()) return { path, handle }
    } catch (error) {
      await this.remove(path, handle)
      throw error
    }
    await this.remove(path, handle)
    return undefined
  }

  /** Makes a file whose bytes are those of the digest one that is found. */
  async place({ path, handle }: { readonly path: string; readonly handle: KeptFile['handle'] }, digest: Digest): Promise<void> {
    await handle.datasync()
    await handle.close()
    const shard = this.#shardOf(digest)
    await mkdir(shard, { recursive: true, mode: 0o700 })
    await rename(path, join(shard, `${nameOf(digest)}${sizeIn(path)}`))
  }

  async remove(path: string, handle: KeptFile['handle']): Promise<void> {
    await handle.close()
    await removeFile(path)
  }

  /** The file of a blob, open, and as long as it was; the caller closes it. One of another length is damaged, and removed. */
  async find(digest: Digest): Promise<KeptFile | undefined> {
    const shard = this.#shardOf(digest)
    const name = (await namesIn(shard)).find((found) => found.startsWith(nameOf(digest)))
    if (name === undefined) return undefined
    const path = join(shard, name)
    const handle = await withDescriptor(() => open(path, 'r')).catch(undefinedIfMissing)
    if (handle === undefined) return undefined
    try {
      const facts = await handle.stat()
      if (facts.size === sizeIn(name)) {
        const now = Date.now()
        if (now - facts.mtimeMs > USE_NOTED_EVERY_MS) await handle.utimes(now / 1000, now / 1000)
        return { handle, size: facts.size }
      }
    } catch (error) {
      await handle.close()
      throw error
    }
    await this.remove(path, handle)
    return undefined
  }

  /** False when what arrives at this moment takes all of it. What arrives is counted first: it may become whole meanwhile, never less. */
  async #makeRoom(): Promise<boolean> {
    let total = await this.#arrivingBytes()
    const paths = await this.#wholePaths()
    for (const path of paths) total += sizeIn(path)
    if (total <= this.#maxBytes) return true
    const used = await Promise.all(
      paths.map(async (path) => ({ path, at: (await stat(path).catch(undefinedIfMissing))?.mtimeMs ?? 0 })),
    )
    for (const { path } of used.sort((one, other) => one.at - other.at)) {
      if (total <= this.#maxBytes * FULL_SHARE) break
      await removeFile(path)
      total -= sizeIn(path)
    }
    return total <= this.#maxBytes
  }

  async #arrivingBytes(): Promise<number> {
    let bytes = 0
    for (const name of (await namesIn(this.#arriving)).filter((found) => ARRIVING.test(found))) {
      const path = join(this.#arriving, name)
      const facts = await stat(path).catch(undefinedIfMissing)
      if (facts !== undefined && Date.now() - facts.mtimeMs > GIVEN_UP_AFTER_MS) await removeFile(path)
      // One that has just gone may have become whole.
      else bytes += sizeIn(name)
    }
    return bytes
  }

  async #wholePaths(): Promise<readonly string[]> {
    const shards = await Promise.all(
      (await namesIn(this.#whole)).map(async (shard) => {
        const names = await namesIn(join(this.#whole, shard))
        return names.filter((name) => WHOLE.test(name)).map((name) => join(this.#whole, shard, name))
      }),
    )
    return shards.flat()
  }

  #shardOf(digest: Digest): string {
    return join(this.#whole, hexOf(digest).slice(0, 2))
  }
}

function nameOf(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest)}-`
}

/** The size that a name ends in; 0 for what is not ours. */
function sizeIn(path: string): number {
  return Number(/-(\d{1,15})$/.exec(basename(path))?.[1] ?? 0)
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(undefinedIfMissing)) ?? []
}

async function removeFile(path: string): Promise<void> {
  await unlink(path).catch(undefinedIfMissing)
}
