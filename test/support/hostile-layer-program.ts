import { setImmediate } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { ImageError } from '../../src/images/image-error.ts'
import { compareInside } from '../../src/images/inside/compare-inside.ts'
import { findPackages } from '../../src/images/inside/facts.ts'
import { ImageFiles } from '../../src/images/inside/files/image-files.ts'
import { readPiece } from '../../src/images/inside/files/layer-table.ts'
import { debianLayer } from './inside-image.ts'
import { listedLayer } from './listed-layer.ts'
import { madeTar } from './made-tar.ts'
import { peakMibOf } from './resident-memory.ts'

/**
 * Reads the layer in a file as the registry does, puts its files together and compares them, in a process of its own; prints what is told of it, and the
 * memory that it took beyond what ordinary layers had taken: a registry's code has run before.
 */
const CONFIG = {
  ...{ createdMs: undefined, platform: undefined, user: '', workingDirectory: '', entrypoint: [], command: [], ports: [] },
  ...{ environment: [], programFolders: [], labels: {}, history: [] },
}
const ORDINARY_FILES = 10_000

async function putTogether(pieces: Uint8Array[]): Promise<ImageFiles> {
  const files = new ImageFiles()
  try {
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      files.add(readPiece(piece))
      await setImmediate()
    }
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
  }
  findPackages(files, undefined)
  return files
}

async function countChanges(files: ImageFiles): Promise<number> {
  const side = { config: CONFIG, packages: [], files, layers: [] }
  return (await compareInside(side, { ...side, files: new ImageFiles() }, 5_000)).fileCount
}

const plain = madeTar([
  ...debianLayer('openssl 3.0.11-1', 'bash 5.2'),
  ...Array.from({ length: ORDINARY_FILES }, (_, number) => ({ path: `usr/share/${number % 100}/${number}`, bytes: 'x' })),
])
for (const bytes of [plain, gzipSync(plain), zstdCompressSync(plain)])
  await countChanges(await putTogether((await listedLayer([bytes])).pieces))

const before = await peakMibOf(process.pid)
const { problems, entries, pieces } = await listedLayer(Bun.file(process.argv[2] ?? '').stream())
const listed = (await peakMibOf(process.pid)) - before
const files = await putTogether(pieces)
const read = (await peakMibOf(process.pid)) - before
const fileCount = await countChanges(files)
const compared = (await peakMibOf(process.pid)) - before
process.stdout.write(JSON.stringify({ problems, entries, fileCount, listed, read, compared }))
