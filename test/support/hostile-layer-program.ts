import { setImmediate } from 'node:timers/promises'
import { ImageError } from '../../src/images/image-error.ts'
import { compareInside } from '../../src/images/inside/compare-inside.ts'
import { ImageFiles } from '../../src/images/inside/files/image-files.ts'
import { readPiece } from '../../src/images/inside/files/layer-table.ts'
import { HOSTILE_LAYERS } from './hostile-layers.ts'
import { listedLayer } from './listed-layer.ts'
import { peakMibOf } from './resident-memory.ts'

/** Reads one hostile layer as the registry does, and puts its files together, in a process of its own; prints what is told of it, and the memory that it took. */
const hostile = HOSTILE_LAYERS.find(({ what }) => what === process.argv[2])
if (hostile === undefined) throw new Error(`there is no hostile layer ${process.argv[2]}`)

const CONFIG = {
  ...{ createdMs: undefined, platform: undefined, user: '', workingDirectory: '', entrypoint: [], command: [], ports: [] },
  ...{ environment: [], programFolders: [], labels: {}, history: [] },
}

await listedLayer([])
const chunks = hostile.chunks()
const before = await peakMibOf(process.pid)
const { problems, entries, pieces } = await listedLayer(chunks)
const listed = (await peakMibOf(process.pid)) - before
const files = new ImageFiles()
try {
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    files.add(readPiece(piece))
    await setImmediate()
  }
} catch (error) {
  if (!(error instanceof ImageError)) throw error
}
files.told()
const put = (await peakMibOf(process.pid)) - before
const side = { config: CONFIG, packages: [], files, layers: [] }
const { fileCount } = await compareInside(side, { ...side, files: new ImageFiles() }, 5_000)
const compared = (await peakMibOf(process.pid)) - before
// What one step left is not given back to the system before the next: each is bounded by itself.
const mib = Math.max(listed, put - listed, compared - put)
process.stdout.write(JSON.stringify({ problems, entries, fileCount, listed, put, compared, mib }))
