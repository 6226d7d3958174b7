import { findDigest } from '../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../oci/name.ts'
import { findTag, type Reference, type Tag } from '../oci/reference.ts'
import { ImageError } from './image-error.ts'

/** An image as people write it: `registry.example.com:5000/team/app:v1`. */
export interface ImageName {
  /** Host and port. */
  readonly registry: string
  readonly repository: RepositoryName
  readonly reference: Reference
}

export const DOCKER_HUB = 'docker.io'

/** As Docker reads it: without a registry it is Docker Hub's, without a tag it is `latest`. Throws ImageError. */
export function parseImageName(text: string): ImageName {
  const [, path = '', tag, digestText] = /^([^@]+?)(?::([^:/@]+))?(?:@(.+))?$/.exec(text) ?? []
  const [first = '', ...rest] = path.split('/')
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const registry = hasRegistry ? first : DOCKER_HUB
  const named = hasRegistry ? rest.join('/') : path
  const repository = findRepositoryName(registry === DOCKER_HUB && !named.includes('/') ? `library/${named}` : named)
  const digest = digestText === undefined ? undefined : findDigest(digestText)
  const reference = digest ?? findTag(tag ?? 'latest')
  const isWrong = repository === undefined || reference === undefined || (digestText !== undefined && digest === undefined)
  if (isWrong || !isHost(registry))
    throw new ImageError(`${text} is no name of an image; write it as registry.example.com:5000/team/app:v1`)
  return { registry, repository, reference }
}

/** A name to push to. Throws ImageError for a digest: what is pushed has the digest that it has. */
export function parseTagName(text: string): TaggedName {
  const { registry, repository, reference } = parseImageName(text)
  const tag = findTag(reference)
  if (tag === undefined) throw new ImageError(`${text} names a digest; give the tag that the image is to have`)
  return { registry, repository, reference: tag }
}

export interface TaggedName extends ImageName {
  readonly reference: Tag
}

export function imageNameText({ registry, repository, reference }: ImageName): string {
  return `${registry}/${repository}${findDigest(reference) === undefined ? ':' : '@'}${reference}`
}

function isHost(registry: string): boolean {
  return URL.canParse(`https://${registry}/`) && new URL(`https://${registry}/`).pathname === '/' && !/[@?#\\]/.test(registry)
}
