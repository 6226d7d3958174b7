import { mkdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { version } from '../src/runtime/version.ts'
import { buildBinary } from './image/binary.ts'
import { containerConfig } from './image/container-config.ts'
import { imageArchive } from './image/image-archive.ts'
import { baseFiles, programFiles } from './image/root-file-system.ts'

/**
 * `npm run image [-- folder]`: makes the container image as the file `berth-image.tar` in that folder, `dist` when none is named,
 * and loads it into the Docker daemon of this machine if there is one. Needs no daemon, no network and no other image.
 */

const [argument = `${import.meta.dir}/../dist`] = process.argv.slice(2)
const folder = resolve(argument)
await mkdir(folder, { recursive: true })
const archive = await makeArchive()
console.log(`${archive}: ${Math.round((await stat(archive)).size / 1e6)} MB`)
await load(archive)

async function makeArchive(): Promise<string> {
  const program = await buildBinary(folder)
  const path = join(folder, 'berth-image.tar')
  const bytes = imageArchive({
    name: 'berth',
    tags: [version, 'latest'],
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    createdSeconds: Number(process.env.SOURCE_DATE_EPOCH ?? Math.floor(Date.now() / 1000)),
    config: containerConfig,
    layers: [await baseFiles(program), await programFiles(program)],
  })
  await Bun.write(path, bytes)
  return path
}

async function load(path: string): Promise<void> {
  const hint = `no Docker daemon answers here; where one does: docker load --input ${path}`
  if (Bun.which('docker') === null) return console.log(hint)
  const daemon = Bun.spawn(['docker', 'version'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  if ((await daemon.exited) !== 0) return console.log(hint)
  const loading = Bun.spawn(['docker', 'load', '--input', path], { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
  process.exitCode = await loading.exited
}
