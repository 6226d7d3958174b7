import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { imagesOf, namesOf, tagsOf } from './filled-images.ts'
import { MANIFEST_TYPE } from './layout-store.ts'

const REF_NAME = 'org.opencontainers.image.ref.name'
/** Says that no blob is shared: zot, told to share none, otherwise looks for those that are. */
const UNSHARED = ['_restore_complete', '1'] as const

/**
 * Writes the repositories that `fillRegistry` writes rows of, as zot lays them out: one directory of OCI's layout for each. Manifests and configs are
 * there; layers, which zot does not look at when it starts, are not. Gives its section `storage`, as JSON: without sharing of blobs and collecting, since
 * at its start zot goes through all files for each blob that may be shared, which takes hours, and no question is about either.
 */
export function writeZotStore(data: string, repositories: number): string {
  const { names, large } = namesOf(repositories)
  for (const [index, name] of names.entries()) {
    const images = imagesOf(index + 1, name)
    const directory = join(data, name)
    const blobs = join(directory, 'blobs/sha256')
    mkdirSync(blobs, { recursive: true })
    writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    for (const { digest, text, config } of images) {
      writeFileSync(join(blobs, hexOf(digest)), text)
      writeFileSync(join(blobs, hexOf(config.digest)), config.text)
    }
    const manifests = tagsOf(name, images, large).map(({ tag, image: { digest, text } }) => {
      return { mediaType: MANIFEST_TYPE, digest, size: text.length, annotations: { [REF_NAME]: tag } }
    })
    writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
  }
  const [marker, content] = UNSHARED
  writeFileSync(join(data, marker), content)
  return JSON.stringify({ rootDirectory: data, dedupe: false, gc: false })
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length)
}
