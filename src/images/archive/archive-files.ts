import { open, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'
import type { FilePart } from '../files/file-part.ts'
import type { TemporaryFiles } from '../files/temporary-files.ts'
import { ImageError } from '../image-error.ts'
import { TarIndex } from '../tar/tar-index.ts'
import { compressionOf, spool } from './spool.ts'

/** The files of an archive or of a folder, by their paths in it. */
export interface ArchiveFiles {
  /** As errors name it. */
  readonly label: string
  find(path: string): Promise<FilePart | undefined>
}

export interface OpenOptions {
  readonly temporary: TemporaryFiles
  /** What `-` stands for. */
  readonly standardInput: () => AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
}

/**
 * Opens what `source` names: a file, a folder, or `-`. What is compressed as a whole, and standard input, which cannot be read twice, is first
 * written to a temporary file. Throws ImageError.
 */
export async function openArchive(source: string, { temporary, standardInput, signal }: OpenOptions): Promise<ArchiveFiles> {
  if (source === '-') {
    const path = await spool(standardInput(), { label: 'standard input', temporary, signal })
    return await openTar(path, 'standard input')
  }
  const found = await statOf(source)
  if (found.isDirectory()) return new FolderFiles(source)
  if (!found.isFile()) return await openTar(await spool(fileChunks(source), { label: source, temporary, signal }), source)
  if ((await compressionOf(source)) === undefined) return await openTar(source, source)
  return await openTar(await spool(fileChunks(source), { label: source, temporary, signal }), source)
}

async function openTar(path: string, label: string): Promise<ArchiveFiles> {
  await using file = await open(path, 'r')
  const index = await TarIndex.read(file, label)
  return {
    label,
    find: async (inside) => {
      const place = index.find(inside)
      return place === undefined ? undefined : { path, ...place }
    },
  }
}

/** A folder; a link in it may not lead out of it. */
class FolderFiles implements ArchiveFiles {
  readonly label: string

  constructor(label: string) {
    this.label = label
  }

  async find(path: string): Promise<FilePart | undefined> {
    const whole = join(this.label, path)
    try {
      const [root, real] = await Promise.all([realpath(this.label), realpath(whole)])
      if (!real.startsWith(`${root}/`)) throw new ImageError(`${whole} is a link that leads out of ${this.label}`)
      const found = await stat(real)
      return found.isFile() ? { path: real, offset: 0, size: found.size } : undefined
    } catch (error) {
      if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined
      throw error
    }
  }
}

async function statOf(source: string) {
  try {
    return await stat(source)
  } catch (cause) {
    throw new ImageError(`${source} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, 'r')
  for await (const chunk of file.createReadStream({ autoClose: false })) yield chunk as Uint8Array
}
