import { z } from 'zod'
import type { ImageConfig } from '../../oci/image/image-config.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { ShownTag } from '../../registry/search/images.ts'
import { MOST_FOUND } from '../../registry/search/search.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { atMost, digest, parametersIn, tag } from './parameters.ts'
import type { ContentRoute, RepositoriesRoute } from './routes.ts'

const MOST_LISTED = 1_000
const USUALLY_LISTED = 100

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
export const TAGS = z.strictObject({ n, after })
/** One of both. */
export const IMAGE = z
  .strictObject({ tag: tag.optional(), digest: digest.optional() })
  .refine((value) => (value.tag === undefined) !== (value.digest === undefined), {
    message: 'one of tag and digest says which image is meant',
  })

/** Those that the caller may list. */
export async function listApiRepositories({ registry, permit, route }: Call<RepositoriesRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, REPOSITORIES)
  const isShown = permit.catalog === 'everything' ? undefined : (name: RepositoryName) => permit.may('list', name)
  const { n: limit = USUALLY_LISTED, page = 1 } = words
  if (words.q !== undefined) {
    const { total, found } = await registry.search.find(words.q, { first: (page - 1) * limit, count: limit }, isShown)
    return jsonResponse({ repositories: found, total, more: page * limit < total })
  }
  const { entries, more } = await registry.catalog.listRepositories({ last: words.after, limit }, isShown)
  return jsonResponse({ repositories: await registry.search.describe(entries), more })
}

/** Tags by name, with what is known of their images, and of their last move. */
export async function listApiTags({ registry, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const { n: limit = USUALLY_LISTED, after: last = '' } = parametersIn(route.query, TAGS)
  const { entries, more } = await registry.images.tags(route.repository, last, limit)
  return jsonResponse({ tags: entries.map(shownTag), more })
}

/** One image, with all that is known of it. */
export async function getApiImage({ registry, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, IMAGE)
  const reference = words.tag ?? words.digest
  if (reference === undefined) throw new Error('the schema lets one of both through')
  const { manifest, facts } = await registry.images.image(route.repository, reference)
  const { mediaType, size } = manifest
  return jsonResponse({
    digest: manifest.digest,
    mediaType,
    manifestBytes: size,
    facts: facts === undefined ? null : shownFacts(facts),
  })
}

function shownTag({ tag: name, digest: of, mediaType, createdMs, size, platforms, movedMs, movedBy, movedHow }: ShownTag) {
  return {
    ...{ name, digest: of, mediaType, created: timeOf(createdMs), bytes: size },
    platforms: platforms === null ? [] : (JSON.parse(platforms) as string[]),
    moved: movedMs === null ? null : { at: timeOf(movedMs), by: movedBy, how: movedHow },
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

/** A time that no calendar has is none. */
function timeOf(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined || ms > LAST_MS ? null : new Date(ms).toISOString()
}

/** The end of the year 9999. */
const LAST_MS = 253_402_300_799_999
