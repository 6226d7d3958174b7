import { open } from 'node:fs/promises'
import type { Descriptor } from '../../oci/descriptor.ts'
import { findImageConfig, type ImageConfig, MAX_CONFIG_BYTES } from '../../oci/image/image-config.ts'
import { configOf, factsOf, type ImageFacts } from '../../oci/image/image-facts.ts'
import { isImageIndex } from '../../oci/media-types.ts'
import type { Reference } from '../../oci/reference.ts'
import { blobUnknown } from '../../oci/unknown.ts'
import { TemporaryFiles } from '../files/temporary-files.ts'
import { ImageError } from '../image-error.ts'
import { ownPlatform, platformName } from '../platform.ts'
import { getRemoteManifest, type RemoteImage, type RemoteManifest } from '../registry/remote-image.ts'
import { checked } from '../save/image-archive.ts'
import { findDistribution, findPackages } from './facts.ts'
import { contentIn } from './files/content-in.ts'
import { ImageFiles } from './files/image-files.ts'
import type { ImageFile, LayerContents } from './files/layer-file.ts'
import { readLayer } from './files/read-layer.ts'
import { ReadingBudget } from './files/reading-budget.ts'
import { findProgram } from './find-program.ts'
import { INTERESTS } from './interests.ts'
import { type Program, readProgram } from './program/program.ts'
import type { Distribution, Package } from './told/found.ts'

export interface InsideLayer {
  readonly descriptor: Descriptor
  readonly contents: LayerContents
}

/** What is in an image, as far as its layers tell. */
export interface ImageInside {
  readonly descriptor: Descriptor
  readonly facts: ImageFacts
  readonly config: ImageConfig
  /** The lowest first. */
  readonly layers: readonly InsideLayer[]
  readonly files: ImageFiles
  /** Undefined: it is not known. */
  readonly distribution: Distribution | undefined
  readonly packages: readonly Package[]
  /** Undefined: it is not known. */
  readonly program: Program | undefined
  /** What could not be read, a sentence each. */
  readonly problems: readonly string[]
}

/** Larger programs are not looked into. */
const MOST_PROGRAM_BYTES = 1024 * 1024 * 1024

export interface InsideReading {
  readonly reference: Reference
  /** Of an image index; left out: the one of this machine. */
  readonly platform: string | undefined
  /** Of the fingerprints of files, where they are compared with those of another image. */
  readonly fingerprintKey: string | undefined
  readonly signal: AbortSignal
}

/** Reads all layers of an image, one after the other, as they come from the registry. Throws ImageError and RegistryError. */
export async function readInside(
  image: RemoteImage,
  { reference, platform, fingerprintKey, signal }: InsideReading,
): Promise<ImageInside> {
  const root = await imageOf(image, { reference, platform, signal })
  const config = await readConfig(image, root, signal)
  const budget = new ReadingBudget()
  const layers: InsideLayer[] = []
  const files = new ImageFiles()
  for (const { descriptor, mayBeAbsent } of root.manifest.references.filter(({ role }) => role === 'layer')) {
    const label = `the layer ${descriptor.digest}`
    const chunks = await findBlob(image, descriptor, signal)
    if (chunks === undefined && !mayBeAbsent) throw blobUnknown(descriptor.digest)
    const contents =
      chunks === undefined
        ? keptElsewhere(label)
        : await readLayer(chunks, { label, interests: INTERESTS, budget, fingerprintKey })
    layers.push({ descriptor, contents })
    files.add(contents)
  }
  const program = await programOf(image, { layers, files, config, signal })
  const problems = [...layers.flatMap(({ contents }) => contents.problems), ...(program?.problems ?? [])]
  return {
    ...{ descriptor: root.descriptor, facts: factsOf(root.manifest, config), config, layers, files, program, problems },
    distribution: findDistribution(files),
    packages: findPackages(files, program),
  }
}

async function imageOf(
  image: RemoteImage,
  { reference, platform, signal }: Omit<InsideReading, 'fingerprintKey'>,
): Promise<RemoteManifest> {
  const root = await getRemoteManifest(image, { reference, platform, signal })
  if (!isImageIndex(root.manifest.mediaType)) return root
  if (platform !== undefined) throw new ImageError('it names an image index in an image index; give the digest of an image')
  return await getRemoteManifest(image, { reference, platform: platformName(ownPlatform()), signal })
}

function keptElsewhere(label: string): LayerContents {
  return { files: [], whiteouts: [], problems: [`${label} is kept by another registry, where its address leads`] }
}

async function readConfig(image: RemoteImage, { manifest }: RemoteManifest, signal: AbortSignal): Promise<ImageConfig> {
  const descriptor = configOf(manifest)
  const isRead = descriptor !== undefined && descriptor.size <= MAX_CONFIG_BYTES
  const config = isRead ? findImageConfig(await bytesOf(blobOf(image, descriptor, signal))) : undefined
  if (config === undefined) throw notAnImage()
  return config
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = []
  for await (const chunk of chunks) copies.push(chunk.slice())
  return Buffer.concat(copies)
}

async function findBlob({ repository, upstream }: RemoteImage, descriptor: Descriptor, signal: AbortSignal) {
  const found = await upstream.openBlob(repository, descriptor.digest, 0, signal)
  return found === undefined ? undefined : checked(found.chunks, descriptor, upstream)
}

async function* blobOf(image: RemoteImage, descriptor: Descriptor, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = await findBlob(image, descriptor, signal)
  if (chunks === undefined) throw blobUnknown(descriptor.digest)
  yield* chunks
}

interface ReadImage {
  readonly layers: readonly InsideLayer[]
  readonly files: ImageFiles
  readonly config: ImageConfig
  readonly signal: AbortSignal
}

/** The layer that has it is read once more: the file is kept for as long as it is looked at. */
async function programOf(image: RemoteImage, { layers, files, config, signal }: ReadImage): Promise<Program | undefined> {
  const file = findProgram(files, config)
  const layer = file === undefined ? undefined : layers[file.content.layer]
  if (file === undefined || layer === undefined || file.size > MOST_PROGRAM_BYTES) return undefined
  await using temporary = await TemporaryFiles.create()
  const path = temporary.newPath()
  if (!(await copyOut(blobOf(image, layer.descriptor, signal), file, path))) return undefined
  await using copy = await open(path, 'r')
  return await readProgram(file.path, async (offset, length) => {
    const wanted = Math.max(0, Math.min(length, file.size - offset))
    const bytes = new Uint8Array(wanted)
    const { bytesRead } = wanted === 0 ? { bytesRead: 0 } : await copy.read(bytes, 0, wanted, offset)
    return bytes.subarray(0, bytesRead)
  })
}

/** False where the layer does not have the file. */
async function copyOut(chunks: AsyncIterable<Uint8Array>, file: ImageFile, to: string): Promise<boolean> {
  await using copy = await open(to, 'w')
  let left = file.size
  for await (const bytes of contentIn(chunks, file.content.place)) {
    await copy.write(bytes)
    left -= bytes.length
  }
  return left === 0
}

function notAnImage(): ImageError {
  return new ImageError('it is no image that runs, so that nothing in it is told; berth image save writes it into a file')
}
