import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBinary } from './image/binary.ts'
import { baseFiles, programFiles } from './image/root-file-system.ts'
import { tar } from './image/tar.ts'

/** `bun scripts/image-root.ts root.tar`, for the Dockerfile: all files of the image in one archive. */
const [path] = process.argv.slice(2)
if (path === undefined) throw new Error('say where the archive goes')
const folder = await mkdtemp(join(tmpdir(), 'berth-build-'))
const program = await buildBinary(folder)
await Bun.write(path, tar([...(await baseFiles(program)), ...(await programFiles(program))], Math.floor(Date.now() / 1000)))
await rm(folder, { recursive: true })
