import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { blobsOf, type Content, type Image, sha256 } from './images.ts'

/** Writes an image or a manifest list of any format as skopeo and buildah read it from `dir:<directory>`. */
export async function writeImageDirectory(directory: string, manifest: Content, images: readonly Image[]): Promise<void> {
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'version'), 'Directory Transport Version: 1.1\n')
  await writeFile(join(directory, 'manifest.json'), manifest.bytes)
  for (const image of images) {
    await writeFile(join(directory, `${hexOf(image.manifest)}.manifest.json`), image.manifest.bytes)
    for (const blob of blobsOf(image)) await writeFile(join(directory, hexOf(blob)), blob.bytes)
  }
}

/** Finds the contents in a directory that skopeo wrote with `dir:`. Throws when one is absent or has other bytes. */
export async function expectImageDirectory(directory: string, manifest: Content, images: readonly Image[]): Promise<void> {
  await expectFile(join(directory, 'manifest.json'), manifest)
  for (const image of images) {
    if (image.manifest !== manifest) await expectFile(join(directory, `${hexOf(image.manifest)}.manifest.json`), image.manifest)
    for (const blob of blobsOf(image)) await expectFile(join(directory, hexOf(blob)), blob)
  }
}

/** The digests of all blobs in an OCI image layout (image-spec "OCI Image Layout"). Throws when one has other bytes. */
export async function readImageLayout(directory: string): Promise<ReadonlySet<string>> {
  const names = await readdir(join(directory, 'blobs/sha256'))
  for (const name of names) {
    const actual = sha256(await readFile(join(directory, 'blobs/sha256', name)))
    if (actual !== `sha256:${name}`) throw new Error(`${name} in ${directory} has the bytes of ${actual}`)
  }
  return new Set(names.map((name) => `sha256:${name}`))
}

async function expectFile(path: string, content: Content): Promise<void> {
  const actual = sha256(await readFile(path))
  if (actual !== content.digest) throw new Error(`${path} has the bytes of ${actual}, not of ${content.digest}`)
}

function hexOf({ digest }: Content): string {
  return digest.slice(digest.indexOf(':') + 1)
}
