import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { imageNameText, parseImageName } from '../../images/image-name.ts'
import { getRemoteManifest, getRemoteTree } from '../../images/registry/remote-image.ts'
import { imageArchive } from '../../images/save/image-archive.ts'
import { imageWork } from './image-work.ts'
import type { RegistryFlags } from './registry-flags.ts'
import { registriesFor } from './registry-options.ts'

interface SaveFlags extends RegistryFlags {
  readonly platform?: string
}

/** The file has its name when it is whole. Throws CommandError and ImageError. */
export async function imageSave(text: string, file: string, flags: SaveFlags): Promise<void> {
  await imageWork(async (signal) => {
    const name = parseImageName(text)
    const registries = await registriesFor(flags, name.registry)
    const image = { repository: name.repository, upstream: await registries.puller(name.registry) }
    const root = await getRemoteManifest(image, { reference: name.reference, platform: flags.platform, signal })
    const tree = await getRemoteTree(image, root, signal)
    await write(imageArchive({ name, root, tree, image, signal }), file, signal)
    process.stderr.write(`${imageNameText(name)} is ${root.descriptor.digest}\n`)
  })
}

async function write(archive: AsyncIterable<Uint8Array>, file: string, signal: AbortSignal): Promise<void> {
  const bytes = Readable.from(archive, { objectMode: false })
  if (file === '-') return await pipeline(bytes, process.stdout, { signal, end: false })
  const draft = `${file}.${crypto.randomUUID()}`
  try {
    await pipeline(bytes, createWriteStream(draft, { flags: 'wx', flush: true }), { signal })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
