import { z } from 'zod'
import { callerName } from '../../access/access.ts'
import type { ShownUse } from '../../registry/shown/repositories.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { atMost, digest, parametersIn, reference, tag } from './parameters.ts'
import { NO_WORDS } from './remarks.ts'
import type { ContentRoute } from './routes.ts'
import { shownPulls, timeOf } from './shown.ts'

const MOST_LISTED = 100

/** Of an image, of each tag, or of all of the repository. */
export const STORAGE = z
  .strictObject({
    tag: tag.optional(),
    digest: digest.optional(),
    n: atMost(MOST_LISTED).optional().meta({ description: 'Of so many tags, by name.' }),
    after: z.string().max(128).optional().meta({ description: 'Where the page of tags begins: after this one.' }),
  })
  .refine((value) => [value.tag, value.digest, value.n].filter((word) => word !== undefined).length <= 1, {
    message: 'at most one of tag, digest and n says what is meant',
  })
  .refine((value) => value.after === undefined || value.n !== undefined, { message: 'after is for a page of tags; send n' })

const compared = reference.meta({ description: 'A tag or a digest.' })
/** Two images, and which of an image index. */
export const COMPARISON = z.strictObject({
  ...{ from: compared, to: compared },
  platform: z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'Which image of an image index: linux/arm64. Its first, when left out.' }),
})

/** One repository: what is said of it, its newest tag, what it needs, and its pulls. */
export async function getApiRepository({ registry, request, route, permit }: Call<ContentRoute>): Promise<PlainResponse> {
  parametersIn(route.query, NO_WORDS)
  const { repository: name } = route
  const { remark, tags, images, newest, use, pulls } = await registry.shown.repositories.of(
    name,
    callerName(permit.caller),
    request.signal,
  )
  const [found] = await registry.search.describe([name])
  return jsonResponse({
    ...{ name, description: found?.description ?? '', describedByHand: remark.description !== null },
    ...{ stars: remark.stars, starred: remark.isStarred, automated: found?.isAutomated ?? false },
    official: registry.official.some((pattern) => pattern.fits(name)),
    ...{ tags: tags ?? null, images: images ?? null },
    newest: newest === undefined ? null : { tag: newest.tag, digest: newest.digest, at: timeOf(newest.value) },
    storage: shownUse(use),
    pulls: { ...shownPulls(pulls), total: pulls.total },
  })
}

/** What an image, each tag, or all of the repository needs in the storage, and what of that nothing else needs. */
export async function getStorageUse({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const { repository } = route
  const { repositories, tagUses } = registry.shown
  const { n: limit, after = '', ...image } = parametersIn(route.query, STORAGE)
  if (limit !== undefined) {
    const { entries, more } = await tagUses.page(repository, { after, limit }, request.signal)
    const tags = entries.map(({ tag: name, digest: of, ...use }) => ({ name, digest: of, ...shownUse(use) }))
    return jsonResponse({ tags, next: more ? (entries.at(-1)?.tag ?? null) : null })
  }
  const id = await repositories.require(repository)
  const meant = image.tag ?? image.digest
  if (meant === undefined) return jsonResponse(shownUse(await repositories.useOf(id, request.signal)))
  const { manifest } = await registry.images.image(repository, meant)
  return jsonResponse(shownUse(await repositories.useOfImage(id, manifest.digest)))
}

/** Two images: layers, and what their configs say differently. */
export async function compareImages({ registry, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const { from, to, platform } = parametersIn(route.query, COMPARISON)
  const found = await registry.shown.comparisons.of(route.repository, { from, to, platform })
  return jsonResponse({
    ...{ from: found.from, to: found.to, commonBytes: found.commonBytes },
    layers: found.layers.map(({ digest: of, mediaType, size, in: where }) => ({ digest: of, mediaType, bytes: size, in: where })),
    config: found.config.map(({ name, from: before = null, to: after = null }) => ({ name, from: before, to: after })),
  })
}

function shownUse({ bytes, own }: ShownUse) {
  return { bytes, own: own ?? null }
}
