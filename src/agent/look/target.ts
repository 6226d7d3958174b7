import { ImageError } from '../../images/image-error.ts'
import { type ImageName, parseImageName, parseTagName, type TaggedName } from '../../images/image-name.ts'
import { type Digest, findDigest, parseDigest } from '../../oci/digest.ts'
import { findTag, isDigest } from '../../oci/reference.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type { Image } from '../docker/docker.ts'
import { chooseTag, type Policy } from '../wishes/policy.ts'

/** What a container runs, by the name of its image. */
export type Followed =
  | { readonly kind: 'tag'; readonly name: TaggedName }
  /** By a digest or an id: nothing can be newer. */
  | { readonly kind: 'pinned' }
  | { readonly kind: 'elsewhere' }

/** An image named by what it is alone. */
export function isImageId(image: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(image)
}

/** Whether an image of this registry is named, by a tag. */
export function followedBy(image: string, registry: string): Followed {
  if (isImageId(image)) return { kind: 'pinned' }
  const name = parsedName(image)
  if (name === undefined || name.registry !== registry) return { kind: 'elsewhere' }
  return image.includes('@') || isDigest(name.reference) ? { kind: 'pinned' } : { kind: 'tag', name: parseTagName(image) }
}

/** The name of an image of this registry; undefined: it is of another one, or an id. */
export function findNameIn(image: string, registry: string): ImageName | undefined {
  const name = isImageId(image) ? undefined : parsedName(image)
  return name?.registry === registry ? name : undefined
}

function parsedName(image: string): ImageName | undefined {
  try {
    return parseImageName(image)
  } catch (error) {
    if (error instanceof ImageError) return undefined
    throw error
  }
}

export interface Target {
  readonly name: TaggedName
  readonly digest: Digest
}

/** Digests by which this image is known in the repository: that of an image index, or of the image itself. */
export function digestsOf(image: Image | undefined, { registry, repository }: ImageName): readonly Digest[] {
  const names = new Set([`${registry}/${repository}`, ...shortNames(registry, repository)])
  return (image?.repositoryDigests ?? []).flatMap((text) => {
    const [name = '', digest = ''] = text.split('@')
    return names.has(name) ? (findDigest(digest) ?? []) : []
  })
}

/** Docker leaves out what it takes for granted. */
function shortNames(registry: string, repository: string): readonly string[] {
  return registry === 'docker.io' ? [repository, repository.replace(/^library\//, '')] : []
}

/** A tag is never this: it is asked for where nothing is known. */
const NOTHING = parseDigest(`sha256:${'0'.repeat(64)}`)
const TAG_PAGE = 1_000
const MOST_TAGS = 100_000

/**
 * What a container is to run. Undefined: the tag is not there, and what runs stays. Throws UpstreamFailure when the registry does not say.
 */
export async function findTarget(
  followed: TaggedName,
  {
    policy,
    known,
    upstream,
    signal,
  }: { readonly policy: Policy; readonly known: Digest | undefined; readonly upstream: Upstream; readonly signal: AbortSignal },
): Promise<Target | undefined> {
  const tags = policy.kind === 'digest' ? [] : await tagsOf(upstream, followed, signal)
  const chosen = findTag(chooseTag(policy, followed.reference, tags)) ?? followed.reference
  const name: TaggedName = { ...followed, reference: chosen }
  const found = await upstream.findTag(name.repository, name.reference, known ?? NOTHING, signal)
  if (found?.digest !== undefined) return { name, digest: found.digest }
  if (found === undefined) return undefined
  // A registry that does not say the digest with a HEAD sends the manifest, which has one.
  const manifest = await upstream.findManifest(name.repository, name.reference, signal)
  return manifest === undefined ? undefined : { name, digest: manifest.digest }
}

async function tagsOf(upstream: Upstream, { repository }: ImageName, signal: AbortSignal): Promise<readonly string[]> {
  const tags: string[] = []
  for (let last: string | undefined; tags.length < MOST_TAGS; last = tags.at(-1)) {
    const page = await upstream.findTags(repository, { last, limit: TAG_PAGE }, signal)
    tags.push(...(page?.tags ?? []))
    if (page === undefined || !page.more) break
  }
  return tags
}
