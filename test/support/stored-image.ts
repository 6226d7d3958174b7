import { type Digest, parseDigest } from '../../src/oci/digest.ts'
import type { RepositoryName } from '../../src/oci/name.ts'
import type { Tag } from '../../src/oci/reference.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../src/storage/driver.ts'
import { CURRENT_LINK_FILE, indexLinkFile, LINK_FILE, layout } from '../../src/storage/layout.ts'
import { blobsOf, type Content, type Image } from './images.ts'

const ROOTS = ['berth/v1', 'docker'].map((path) => storagePath(path))

/** Puts an image into a storage as a registry does that nobody watches. */
export async function storeImage(storage: StorageDriver, name: string, image: Image, ...tags: readonly string[]): Promise<void> {
  const repository = name as RepositoryName
  for (const blob of [...blobsOf(image), image.manifest]) await storeBlob(storage, blob)
  for (const { digest } of blobsOf(image)) await storeLink(storage, layout.layer(repository, parseDigest(digest)), digest)
  const digest = parseDigest(image.manifest.digest)
  await storeLink(storage, layout.revision(repository, digest), digest)
  for (const tag of tags) {
    const files = [indexLinkFile(digest), CURRENT_LINK_FILE].map((file) => ({ name: file, bytes: encode(digest) }))
    await storage.place([{ directory: layout.tag(repository, tag as Tag), files }])
  }
}

/** Puts bytes where those of a digest are looked for, whether they are those or not. */
export async function storeBlob(storage: StorageDriver, { digest, bytes }: Pick<Content, 'digest' | 'bytes'>): Promise<void> {
  await storage.place([{ directory: layout.blobDirectory(digest as Digest), files: [{ name: 'data', bytes }] }])
}

export async function storeLink(storage: StorageDriver, directory: StoragePath, text: string): Promise<void> {
  await storage.place([{ directory, files: [{ name: LINK_FILE, bytes: encode(text) }] }])
}

/** Every file of the layout and of Berth's records, with its bytes as Latin-1, in order. */
export async function filesIn(storage: StorageDriver): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {}
  for (const root of ROOTS) await collect(storage, root, files)
  return files
}

/** What is wrong with a storage as a whole: links whose bytes are not there, tags without their manifest. */
export function brokenIn(files: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(files).flatMap(([path, text]) => {
    if (!path.endsWith('/link')) return []
    const [algorithm, hex = ''] = text.split(':')
    const bytes = `docker/registry/v2/blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`
    const revision = path.replace(/tags\/.*$/, `revisions/${algorithm}/${hex}/link`)
    return [bytes, revision].filter((needed) => !(needed in files)).map((needed) => `${path} is there without ${needed}`)
  })
}

async function collect(storage: StorageDriver, path: StoragePath, files: Record<string, string>): Promise<void> {
  for (const name of await storage.list(path)) {
    const below = storagePath(path, name)
    const entry = await storage.stat(below)
    if (entry?.kind === 'directory') await collect(storage, below, files)
    else files[below] = Buffer.from((await storage.readSmall(below, Number.MAX_SAFE_INTEGER)) ?? []).toString('latin1')
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
