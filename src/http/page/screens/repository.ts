import { RegistryError } from '../../../oci/errors.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { Tag } from '../../../oci/reference.ts'
import type { Overview, ShownImage, ShownTag } from '../../../registry/search/images.ts'
import type { PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { pageResponse } from '../document.ts'
import { type Html, html } from '../html.ts'
import { inShort } from '../image-words.ts'
import type { RepositoryPage } from '../page-routes.ts'
import { pullCommands } from '../pull-commands.ts'
import type { Site } from '../site.ts'
import { siteOf } from '../site-of.ts'
import { countText, listText, sizeText, timeOf } from '../words.ts'
import { folderPath } from './repositories.ts'

const ROWS = 100
/** Tags of the same image that are named in a row. */
const MOST_NAMES = 3
/** Tags of the newest image among which the one that says most is found. */
const MOST_LOOKED_AT = 20

/** A repository: what it is, how to pull it, and its tags. */
export async function showRepository(call: Call<RepositoryPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository, query } = call.route
  const { images, search } = call.registry
  const after = query.get('after') ?? ''
  const { entries, more } = await images.tags(repository, after, ROWS)
  const overview = await images.overview(repository)
  const digests = [...new Set(entries.map(({ digest }) => digest))]
  const sameImages = await images.tagsOf(repository, digests, MOST_NAMES + 2)
  const [described] = await search.describe([repository])
  const newest = await newestOf(call, overview)
  const shownTag = newest?.tag ?? entries.at(0)?.tag
  const rows = entries.map((tag) =>
    rowOf(site, repository, { tag, names: sameImages.get(tag.digest) ?? [], newest: newest?.tag }),
  )
  const next = more ? entries.at(-1)?.tag : undefined
  const main = html`${repositoryHeading(site, repository)}
${described?.description && html`<p><bdi>${described.description}</bdi></p>`}
<p class="facts"><span>${countOf(overview)}</span>${overview.isWhole && html`<span>${countText(overview.images, 'image', 'images')}</span>`}${newest !== undefined && html`<span>newest: <a href="${site.image(repository, newest.tag)}"><code>${newest.tag}</code></a></span>`}</p>
${shownTag !== undefined && pullCommands(site, repository, [shownTag])}
${newest !== undefined && inShort(newest.image, await images.firstFacts(newest.image))}
${table(rows)}
${next !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.repository(repository, { after: next })}">Next ${ROWS}</a></nav>`}`
  return await pageResponse(site, { title: repository, main })
}

interface Newest {
  /** Of the tags of the newest image the one that says most. */
  readonly tag: Tag
  readonly image: ShownImage
}

/** Undefined where it is not known, and where it went a moment ago. */
async function newestOf({ registry, route }: Call<RepositoryPage>, { newest }: Overview): Promise<Newest | undefined> {
  if (newest === undefined) return undefined
  const { images } = registry
  try {
    const image = await images.image(route.repository, newest)
    const { digest } = image.manifest
    const tags = (await images.tagsOf(route.repository, [digest], MOST_LOOKED_AT)).get(digest) ?? []
    return { tag: mostPreciseTag([newest, ...tags]), image }
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'MANIFEST_UNKNOWN') return undefined
    throw error
  }
}

/** `2.3.1` says more than `2.3`, and each of them more than `latest`. The first one is given where none is a version. */
export function mostPreciseTag(tags: readonly [Tag, ...Tag[]]): Tag {
  const versions = tags.filter((tag) => /^v?\d+(?:\.\d+)*(?:[-_.].*)?$/.test(tag))
  return versions.toSorted((one, other) => other.length - one.length || (one < other ? 1 : -1))[0] ?? tags[0]
}

/** The name as the heading of a screen, its folders as links. */
export function repositoryHeading(site: Site, repository: RepositoryName, more: Html | undefined = undefined): Html {
  const end = repository.lastIndexOf('/') + 1
  const name = repository.slice(end)
  const own = more === undefined ? name : html`<a href="${site.repository(repository)}">${name}</a>`
  return html`<h1>${folderPath(site, repository.slice(0, end))}${own}${more}</h1>`
}

function countOf({ tags, isWhole }: Overview): string {
  return isWhole ? countText(tags, 'tag', 'tags') : `more than ${countText(tags, 'tag', 'tags')}`
}

function table(rows: readonly Html[]): Html {
  if (rows.length === 0) return html`<p>No tag points to what is in this repository; its manifests can be pulled by digest.</p>`
  return html`<table class="rows">
<thead><tr><th scope="col">Tag</th><th scope="col">Same image as</th><th scope="col">Platforms</th><th scope="col" class="number">Size</th><th scope="col" class="made">Made</th><th scope="col">Moved</th></tr></thead>
<tbody>${rows}</tbody>
</table>`
}

interface Row {
  readonly tag: ShownTag
  /** All tags of the same image, or the first of them. */
  readonly names: readonly string[]
  readonly newest: Tag | undefined
}

function rowOf(site: Site, repository: RepositoryName, { tag, names, newest }: Row): Html {
  const others = names.filter((name) => name !== tag.tag)
  const platforms = platformsOf(tag.platforms)
  const moved = timeOf(tag.movedMs)
  return html`<tr><td class="name"><a href="${site.image(repository, tag.tag)}" data-reference="${site.host}/${repository}:${tag.tag}"><code>${tag.tag}</code></a>${tag.tag === newest && html`<span class="badge newest">newest</span>`}</td><td>${others.length > 0 && html`<code>${others.slice(0, MOST_NAMES).join(', ')}</code>${others.length > MOST_NAMES && ', …'}`}</td><td>${platforms}</td><td class="number">${tag.size !== null && sizeText(tag.size)}</td><td class="made">${timeOf(tag.createdMs)}</td><td>${moved !== undefined && html`<a href="${site.history(repository, tag.tag)}">${moved}</a>`}${tag.movedBy !== null && `, ${tag.movedBy}`}</td></tr>
`
}

const MOST_PLATFORMS = 4

/** Linux is what images run on; another system is named. */
function platformsOf(json: string | null): string {
  if (json === null) return ''
  const platforms = (JSON.parse(json) as string[]).map((platform) => platform.replace(/^linux\//, ''))
  return listText(platforms, MOST_PLATFORMS)
}
