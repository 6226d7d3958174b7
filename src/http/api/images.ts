import { z } from 'zod'
import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image/image-config.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import type { ImageContents } from '../../registry/search/image-contents.ts'
import { type FoundRepository, MOST_FOUND } from '../../registry/search/search.ts'
import { TAG_SORTS, type TagPlace, type TagSort } from '../../registry/shown/tag-order.ts'
import type { ShownTag } from '../../registry/shown/tag-pages.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { shownNames } from '../shown-names.ts'
import { atMost, digest, invalid, parametersIn, tag } from './parameters.ts'
import type { ContentRoute, RepositoriesRoute } from './routes.ts'
import { shownPulls, shownSums, timeOf } from './shown.ts'
import { findTagPlace, textOfPlace } from './tag-place.ts'

const MOST_LISTED = 1_000
const USUALLY_LISTED = 100
/** Of the tags of one image, and of what is attached to it. */
const MOST_ATTACHED = 100

const n = atMost(MOST_LISTED)
  .optional()
  .meta({ description: `How many; ${USUALLY_LISTED} when left out.` })
const after = z.string().max(300).optional().meta({ description: 'Where the page begins: after this name.' })

/** Repositories by name, or those that a search finds, in its order. */
export const REPOSITORIES = z
  .strictObject({
    ...{ n, after },
    q: z
      .string()
      .max(200)
      .optional()
      .meta({ description: 'Words and parts of words of names, titles, descriptions and labels.' }),
    page: atMost(MOST_FOUND).optional().meta({ description: 'Of what a search finds, from 1.' }),
  })
  .refine(({ q, page }) => q !== undefined || page === undefined, { message: 'page is for what q finds; send after' })
  .refine(({ q, after }) => q === undefined || after === undefined, { message: 'after is for lists by name; send page' })
/** Which tags, and in which order. */
export const TAGS = z.strictObject({
  n,
  sort: z.enum(TAG_SORTS).optional().meta({
    description: 'name when left out. Of all but names the highest stand first: versions, times, sizes, pulls of 30 days.',
  }),
  order: z.enum(['ascending', 'descending']).optional().meta({ description: 'The other way round.' }),
  q: z.string().min(1).max(128).optional().meta({ description: 'A part of their names, in whatever letters.' }),
  after: z.string().max(300).optional().meta({ description: 'next of the page before; of names any tag.' }),
})
/** One of both. */
export const IMAGE = z
  .strictObject({ tag: tag.optional(), digest: digest.optional() })
  .refine((value) => (value.tag === undefined) !== (value.digest === undefined), {
    message: 'one of tag and digest says which image is meant',
  })

/** Those that the caller may list. */
export async function listApiRepositories({ registry, permit, route }: Call<RepositoriesRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, REPOSITORIES)
  const shown = shownNames(permit)
  const { n: limit = USUALLY_LISTED, page = 1 } = words
  if (words.q !== undefined) {
    const { total, found } = await registry.search.find(words.q, { first: (page - 1) * limit, count: limit }, shown)
    return jsonResponse({ repositories: found.map(shownRepository), total, more: page * limit < total })
  }
  const { entries, more } = await registry.catalog.listRepositories({ last: words.after, limit }, shown)
  return jsonResponse({ repositories: (await registry.search.describe(entries)).map(shownRepository), more })
}

function shownRepository({ name, description, stars, isAutomated }: FoundRepository) {
  return { name, description, stars, automated: isAutomated }
}

/** Tags with what is known of their images, of their last move, and of their pulls. */
export async function listApiTags({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const { n: limit = USUALLY_LISTED, sort = 'name', order, q: part, after } = parametersIn(route.query, TAGS)
  const isDescending = order === undefined ? sort !== 'name' : order === 'descending'
  const place = after === undefined || after === '' ? undefined : getTagPlace(after, sort)
  const asked = { sort, isDescending, part, after: place, limit, signal: request.signal }
  const { entries, next } = await registry.shown.tags.page(route.repository, asked)
  return jsonResponse({
    tags: entries.map(shownTag),
    more: next !== undefined,
    next: next === undefined ? null : textOfPlace(next, sort),
  })
}

/** One image, with all that is known of it, what it names, and what is attached to it. */
export async function getApiImage({ registry, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const { repository } = route
  const words = parametersIn(route.query, IMAGE)
  const reference = words.tag ?? words.digest
  if (reference === undefined) throw new Error('the schema lets one of both through')
  const { manifest, facts } = await registry.images.image(repository, reference)
  const { shown, catalog } = registry
  const page = { last: undefined, limit: MOST_ATTACHED }
  const referrers = await catalog.listReferrers(repository, manifest.digest, { artifactType: undefined }, page)
  const contents = await shown.contents.of(manifest.digest)
  const { mediaType, size } = manifest
  return jsonResponse({
    digest: manifest.digest,
    mediaType,
    manifestBytes: size,
    tags: await shown.tags.leadingTo(repository, manifest.digest, MOST_ATTACHED),
    contents: contents === undefined ? null : shownContents(contents),
    referrers: referrers.entries.map((referrer) => ({ ...shownLayer(referrer), artifactType: referrer.artifactType ?? null })),
    moreReferrers: referrers.more,
    attachedTags: await shown.tags.attachedTo(repository, manifest.digest, MOST_ATTACHED),
    pulls: shownPulls(await shown.pulls.of(repository, manifest.digest)),
    facts: facts === undefined ? null : shownFacts(facts),
  })
}

/** Throws PARAMETER_INVALID. */
function getTagPlace(text: string, sort: TagSort): TagPlace {
  const place = findTagPlace(text, sort)
  if (place === undefined) throw invalid('after is not the next of a page that was sorted so')
  return place
}

function shownContents({ artifactType, subject, layers, images }: ImageContents) {
  return {
    ...{ artifactType: artifactType ?? null, subject: subject ?? null, layers: layers.map(shownLayer) },
    images: images.map((image) => ({
      ...shownLayer(image),
      ...{ platform: image.platform ?? null, attestation: image.isAttestation },
    })),
  }
}

function shownLayer({
  digest: of,
  mediaType,
  size,
}: {
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
}) {
  return { digest: of, mediaType, bytes: size }
}

function shownTag(shown: ShownTag) {
  const { tag: name, digest: of, mediaType, createdMs, size, platforms, movedMs, movedBy, movedHow, pulls, sameAs } = shown
  return {
    ...{ name, digest: of, mediaType, created: timeOf(createdMs), bytes: size },
    platforms: platforms === null ? [] : (JSON.parse(platforms) as string[]),
    moved: movedMs === null ? null : { at: timeOf(movedMs), by: movedBy, how: movedHow },
    ...{ pulls: shownSums(pulls), sameAs },
  }
}

function shownFacts(facts: ImageFacts) {
  const { createdMs, size, platforms, title, description, source, version, baseName, baseDigest, firstImage, config } = facts
  return {
    ...{ created: timeOf(createdMs), bytes: size ?? null, platforms },
    ...{ title: title ?? null, description: description ?? null, source: source ?? null, version: version ?? null },
    ...{ baseName: baseName ?? null, baseDigest: baseDigest ?? null, firstImage: firstImage ?? null },
    config: config === undefined ? null : shownConfig(config),
  }
}

function shownConfig({ user, workingDirectory, entrypoint, command, ports, environment, labels, history }: ImageConfig) {
  return {
    ...{ user, workingDirectory, entrypoint, command, ports, environment, labels },
    history: history.map(({ createdMs, by, comment, isEmpty }) => ({ created: timeOf(createdMs), by, comment, isEmpty })),
  }
}
