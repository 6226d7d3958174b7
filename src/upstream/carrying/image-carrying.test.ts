import { describe, expect, test } from 'bun:test'
import { type Content, descriptorOf, jsonContent, makeImage, makeImageIndex } from '../../../test/support/images.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { platformIn } from '../../oci/image/platform.ts'
import { parseManifest } from '../../oci/manifest.ts'
import { parseTag } from '../../oci/reference.ts'
import { attachedName, attachedTo } from '../../oci/tags/attached-tag.ts'
import type { CarriedManifest, Carrier } from './carrier.ts'
import { ImageCarrying } from './image-carrying.ts'

const NEVER = new AbortController().signal
const AMD64 = makeImage('amd64')
const ARM64 = makeImage('arm64', { architecture: 'arm64' })
const INDEX = makeImageIndex([AMD64, ARM64])
const SBOM = makeImage('sbom', { subject: AMD64.manifest, layers: 1 })
const OF_SBOM = makeImage('of sbom', { subject: SBOM.manifest, layers: 1 })

/** A registry there, and what is kept here, in the order in which it came. */
class CarrierInTest implements Carrier {
  readonly kept: string[] = []
  readonly there = new Map<string, Content>()
  readonly referrers = new Map<string, readonly Content[]>()
  readonly whole = new Set<string>()
  readonly #names = new Map<string, string>()

  add(name: string, content: Content): string {
    this.#names.set(content.digest, name)
    this.there.set(content.digest, content)
    return content.digest
  }

  tag(tag: string, content: Content): void {
    this.there.set(tag, content)
  }

  async findManifest(reference: string): Promise<CarriedManifest | undefined> {
    const content = this.there.get(reference)
    if (content === undefined) return undefined
    const { digest, mediaType, bytes } = content
    return { digest: parseDigest(digest), mediaType, bytes, manifest: parseManifest(bytes, mediaType) }
  }

  async isWhole(digest: string): Promise<boolean> {
    return this.whole.has(digest)
  }

  async bringBlob({ descriptor }: { readonly descriptor: Descriptor }): Promise<void> {
    this.kept.push(`blob ${this.#names.get(descriptor.digest) ?? ''}`.trim())
  }

  async keepManifest({ digest }: CarriedManifest, tag: string | undefined): Promise<void> {
    this.kept.push(`${this.#names.get(digest)}${tag === undefined ? '' : ` as ${tag.slice(0, 10)}`}`)
  }

  async listReferrers(subject: string): Promise<readonly Descriptor[]> {
    return (this.referrers.get(subject) ?? []).map((content) => ({
      ...descriptorOf(content),
      digest: parseDigest(content.digest),
    }))
  }
}

function filled(): CarrierInTest {
  const carrier = new CarrierInTest()
  for (const [name, { manifest }] of Object.entries({ amd64: AMD64, arm64: ARM64, sbom: SBOM, 'of sbom': OF_SBOM }))
    carrier.add(name, manifest)
  carrier.tag('latest', { ...INDEX.manifest, digest: carrier.add('index', INDEX.manifest) })
  return carrier
}

async function brought(
  carrier: CarrierInTest,
  { platforms = [], attached = [] }: { platforms?: string[]; attached?: string[] } = {},
) {
  const tags = attached.map(parseTag)
  const carrying = new ImageCarrying({
    carrier,
    attached: Map.groupBy(tags, (tag) => attachedTo(tag) ?? ''),
    platforms: platforms.flatMap((text) => platformIn(text) ?? []),
  })
  await carrying.bringTag(parseTag('latest'), NEVER)
  return carrier.kept.filter((name) => !name.startsWith('blob'))
}

describe('an image that is carried', () => {
  test('has all that it names before itself, and what belongs to it behind it, at every level', async () => {
    const carrier = filled()
    carrier.referrers.set(AMD64.manifest.digest, [SBOM.manifest])
    carrier.referrers.set(SBOM.manifest.digest, [OF_SBOM.manifest])
    const signature = `${attachedName(parseDigest(INDEX.manifest.digest))}.sig`
    carrier.tag(signature, OF_SBOM.manifest)

    const kept = await brought(carrier, { attached: [signature] })
    expect(kept.map((name) => name.replace(/sha256-.*/, 'attached'))).toEqual([
      ...['amd64', 'arm64', 'index as latest', 'of sbom as attached', 'sbom'],
    ])
    expect(carrier.kept.filter((name) => name === 'blob')).toHaveLength(3 + 3 + 2 + 2)
  })

  test('ends where lists and tags lead in a circle, or to what is about something else', async () => {
    const carrier = filled()
    carrier.referrers.set(INDEX.manifest.digest, [INDEX.manifest, SBOM.manifest])
    carrier.referrers.set(AMD64.manifest.digest, [AMD64.manifest])
    const [ofIndex, ofAmd64] = [INDEX, AMD64].map(({ manifest }) => `${attachedName(parseDigest(manifest.digest))}`) as [
      string,
      string,
    ]
    carrier.tag(ofIndex, AMD64.manifest)
    carrier.tag(ofAmd64, INDEX.manifest)

    const kept = await brought(carrier, { attached: [ofIndex, ofAmd64] })

    expect(kept.filter((name) => name.startsWith('sbom'))).toEqual([])
    expect(new Set(kept.map((name) => name.split(' ')[0]))).toEqual(new Set(['amd64', 'arm64', 'index']))
  })

  test('is for the platforms that are wanted, with what is said about their images', async () => {
    const carrier = filled()
    const about = ({ manifest }: typeof AMD64) => ({ 'vnd.docker.reference.digest': manifest.digest })
    const unknown = { architecture: 'unknown', os: 'unknown' }
    const [ofAmd64, ofArm64] = [makeImage('attests amd64', { layers: 1 }), makeImage('attests arm64', { layers: 1 })]
    const index = jsonContent(INDEX.manifest.mediaType, {
      ...JSON.parse(Buffer.from(INDEX.manifest.bytes).toString()),
      manifests: [
        { ...descriptorOf(AMD64.manifest), platform: { os: 'linux', architecture: 'amd64' } },
        { ...descriptorOf(ARM64.manifest), platform: { os: 'linux', architecture: 'arm64' } },
        { ...descriptorOf(ofAmd64.manifest), platform: unknown, annotations: about(AMD64) },
        { ...descriptorOf(ofArm64.manifest), platform: unknown, annotations: about(ARM64) },
      ],
    })
    carrier.add('attestation of amd64', ofAmd64.manifest)
    carrier.add('attestation of arm64', ofArm64.manifest)
    carrier.add('index', index)
    carrier.tag('latest', index)

    expect(await brought(carrier, { platforms: ['linux/arm64'] })).toEqual(['arm64', 'attestation of arm64', 'index as latest'])
  })

  test('that is here is not brought again, but for what belongs to it and is missing', async () => {
    const carrier = filled()
    carrier.whole.add(INDEX.manifest.digest)
    carrier.referrers.set(ARM64.manifest.digest, [makeReferrer(carrier)])

    expect(await brought(carrier)).toEqual(['index as latest', 'signature'])
    expect(carrier.kept.filter((name) => name === 'blob')).toHaveLength(2)
  })
})

function makeReferrer(carrier: CarrierInTest): Content {
  const { manifest } = makeImage('signature', { subject: ARM64.manifest, layers: 1 })
  carrier.add('signature', manifest)
  return manifest
}
