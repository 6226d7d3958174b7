import { artifact, EMPTY_CONFIG, OCI_IMAGE, OCI_INDEX } from './artifacts.ts'
import { blobsOf, type Content, contentOf, descriptorOf, type Image, jsonContent, makeImage, makeImageIndex } from './images.ts'
import { expectStatus, type RegistryClient } from './registry-client.ts'

/** A manifest with the blobs that it needs, and how it is pushed. */
interface Part {
  readonly manifest: Content
  readonly blobs: readonly Content[]
  readonly reference: string
}

/** What a tool pushes as one image: the manifest that gets the tag, what it names, and what is attached to it. */
export interface Shape {
  readonly root: Content
  readonly rootBlobs: readonly Content[]
  /** Pushed before the root. */
  readonly children: readonly Part[]
  /** Signatures and other statements. */
  readonly statements: readonly Part[]
}

export const SHAPES: Readonly<Record<string, (name: string) => Shape>> = {
  'an image with tags of cosign': (name) => {
    const image = makeImage(name, { layers: 1 })
    const sbom = referrerOf(image.manifest, `${name} sbom`)
    const fallback = {
      ...{ manifest: indexOf([descriptorOf(sbom.manifest)]), blobs: [], reference: attachedName(image.manifest) },
    }
    return { ...rootOf(image), statements: [...cosigned(image.manifest, name, ['.sig', '.att', '.sbom']), sbom, fallback] }
  },
  'an image with referrers, one of which is signed': (name) => {
    const image = makeImage(name, { layers: 1 })
    const sbom = referrerOf(image.manifest, `${name} sbom`)
    return { ...rootOf(image), statements: [sbom, referrerOf(sbom.manifest, `${name} signature`)] }
  },
  'an image for two platforms, signed with its children': (name) => {
    const images = ['amd64', 'arm64'].map((architecture) => makeImage(`${name} ${architecture}`, { layers: 1, architecture }))
    const index = makeImageIndex(images).manifest
    const all = [index, ...images.map(({ manifest }) => manifest)]
    return {
      ...{ root: index, rootBlobs: [], children: images.map(byDigest) },
      statements: all.flatMap((manifest, place) => [
        ...cosigned(manifest, `${name} ${place}`, ['.sig']),
        referrerOf(manifest, `${name} ${place}`),
      ]),
    }
  },
  'an image of buildx with its attestation': (name) => {
    const image = makeImage(name, { layers: 1 })
    const attestation = attestationOf(image)
    return {
      root: attestedIndex(image, attestation),
      rootBlobs: [],
      children: [byDigest(image), byDigest(attestation)],
      statements: [],
    }
  },
  'an old cache of BuildKit, an index of blobs': (name) => {
    const blobs = cacheOf(name)
    return { root: indexOf(blobs.map(descriptorOf)), rootBlobs: blobs, children: [], statements: [] }
  },
  'a cache of BuildKit, an image': (name) => {
    const [config, ...layers] = cacheOf(name) as [Content, ...Content[]]
    return { root: cacheImage(config, layers), rootBlobs: [config, ...layers], children: [], statements: [] }
  },
}

export async function pushRoot(client: RegistryClient, repository: string, shape: Shape, tag: string): Promise<void> {
  for (const child of shape.children) await pushPart(client, repository, child)
  await pushPart(client, repository, { manifest: shape.root, blobs: shape.rootBlobs, reference: tag })
}

export async function pushStatements(client: RegistryClient, repository: string, { statements }: Shape): Promise<void> {
  for (const statement of statements) await pushPart(client, repository, statement)
}

/** All that can be asked for and goes with the root: manifests by digest, attached tags. */
export function referencesOf({ children, statements }: Shape): readonly string[] {
  return [...new Set([...children, ...statements].flatMap(({ manifest, reference }) => [manifest.digest, reference]))]
}

/** Blobs that nothing but the shape has. */
export function blobsOfShape({ rootBlobs, children, statements }: Shape): readonly string[] {
  const all = [...rootBlobs, ...[...children, ...statements].flatMap(({ blobs }) => blobs)]
  return all.map(({ digest }) => digest).filter((digest) => digest !== EMPTY_CONFIG.digest)
}

async function pushPart(client: RegistryClient, repository: string, { manifest, blobs, reference }: Part): Promise<void> {
  for (const blob of blobs) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, reference, manifest), 201)
}

function rootOf(image: Image): Pick<Shape, 'root' | 'rootBlobs' | 'children'> {
  return { root: image.manifest, rootBlobs: blobsOf(image), children: [] }
}

function byDigest(image: Image): Part {
  return { manifest: image.manifest, blobs: blobsOf(image), reference: image.manifest.digest }
}

function referrerOf(subject: Content, name: string): Part {
  const manifest = artifact({ subject: descriptorOf(subject), annotations: { name } })
  return { manifest, blobs: [EMPTY_CONFIG], reference: manifest.digest }
}

/** As cosign tags what is about an image. */
function cosigned(manifest: Content, name: string, suffixes: readonly string[]): readonly Part[] {
  return suffixes.map((suffix) => ({
    ...byDigest(makeImage(`${name}${suffix}`, { layers: 1 })),
    reference: `${attachedName(manifest)}${suffix}`,
  }))
}

function attachedName({ digest }: Content): string {
  return digest.replace(':', '-')
}

function indexOf(manifests: readonly object[]): Content {
  return jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests })
}

function cacheOf(name: string): readonly Content[] {
  const config = jsonContent('application/vnd.buildkit.cacheconfig.v0', { layers: [{ blob: name, parent: -1 }], records: [] })
  const layer = contentOf('application/vnd.oci.image.layer.v1.tar+gzip', Buffer.from(`a layer of the build ${name}`))
  return [config, layer]
}

/** BuildKit wrote its cache as an index of blobs, and does so as an image since `image-manifest=true` is its default. */
export function cacheImage(config: Content, layers: readonly Content[]): Content {
  const text = { schemaVersion: 2, mediaType: OCI_IMAGE, config: descriptorOf(config), layers: layers.map(descriptorOf) }
  return jsonContent(OCI_IMAGE, text)
}

/** Buildx pushes an attestation as one more child of the index, with the platform `unknown/unknown`. */
export function attestedIndex(image: Image, attestation: Image): Content {
  const annotations = {
    'vnd.docker.reference.digest': image.manifest.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  }
  return indexOf([
    { ...descriptorOf(image.manifest), platform: { architecture: 'amd64', os: 'linux' } },
    { ...descriptorOf(attestation.manifest), annotations, platform: { architecture: 'unknown', os: 'unknown' } },
  ])
}

/** As buildx pushes it beside an image. */
export function attestationOf({ manifest }: Image): Image {
  const layer = jsonContent('application/vnd.in-toto+json', { subject: [{ digest: { sha256: manifest.digest.slice(7) } }] })
  const config = jsonContent('application/vnd.oci.image.config.v1+json', {
    ...{ architecture: 'unknown', os: 'unknown', config: {}, rootfs: { type: 'layers', diff_ids: [layer.digest] } },
  })
  const text = { schemaVersion: 2, mediaType: OCI_IMAGE, config: descriptorOf(config), layers: [descriptorOf(layer)] }
  return { manifest: jsonContent(OCI_IMAGE, text), config, layers: [layer] }
}
