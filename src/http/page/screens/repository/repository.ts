import { RegistryError } from '../../../../oci/errors.ts'
import { findTag, type Tag } from '../../../../oci/reference.ts'
import type { ShownImage } from '../../../../registry/search/images.ts'
import { TooManyTags } from '../../../../registry/shown/ordered-tags.ts'
import type { ShownRepository } from '../../../../registry/shown/repositories.ts'
import type { TagPage } from '../../../../registry/shown/tag-pages.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { pageResponse } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import { mayDo } from '../../may.ts'
import type { RepositoryPage } from '../../page-routes.ts'
import { pullCommands } from '../../pull-commands.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Kind, kindOf } from '../../text/artifact-words.ts'
import { type Html, html } from '../../text/html.ts'
import { baseText, known, runText, sourceLink, textOf } from '../../text/image-words.ts'
import { countText, sizeText, timeOf } from '../../text/words.ts'
import { descriptionLine } from './description.ts'
import { starForm } from './star.ts'
import { type TagList, tagListIn } from './tag-list.ts'
import { tagFilter, tagTable } from './tag-table.ts'

const ROWS = 100
/** Tags of the newest image among which the one that says most is found. */
const MOST_LOOKED_AT = 20

/** A repository: what it is, how to pull it, and its tags. */
export async function showRepository(call: Call<RepositoryPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { route, registry, request } = call
  const { repository } = route
  const shown = await registry.shown.repositories.of(repository, site.caller, request.signal)
  const { list, page } = await tagsOf(call)
  const [found] = await registry.search.describe([repository])
  const newest = await imageOf(call, shown.newest?.tag)
  const latest = await imageOf(call, findTag('latest'))
  const pulled = newest?.says ?? page.entries.at(0)?.tag
  const official = registry.official.some((pattern) => pattern.fits(repository))
  const main = html`<div class="head">${repositoryHeading(site, repository)}${official && html`<span class="badge">official</span>`}${starForm(call, site, shown.remark)}</div>
${descriptionLine(call, site, { text: found?.description ?? '', isOwn: shown.remark.description !== null })}
${countsOf(shown)}
${pulled !== undefined && pullCommands(site, { repository, references: [pulled], pulledBy: await pulledBy(call, newest) })}
${newest !== undefined && known(await factsOf(call, { site, newest, latest, movedMs: shown.newest?.value }), 'brief')}
<div class="tools">${tagFilter(site, repository, list)}${toolsOf(call, site)}</div>
${tagTable({ site, repository, list, page, newest: newest?.says, rows: ROWS })}`
  return await pageResponse(site, { title: repository, main })
}

/** What can be done with the tags that are chosen, and the other screens of the repository. */
function toolsOf(call: Call<RepositoryPage>, site: Site): Html {
  const { repository } = call.route
  const mayDelete = mayDo(call, 'delete', repository)
  const links = [
    html`<a href="${site.own('activity', { in: repository })}">Activity</a>`,
    html`<a href="${site.part(repository, 'space')}">Space</a>`,
    mayDo(call, 'push', repository) && html`<a href="${site.part(repository, 'deleted')}">Deleted</a>`,
  ]
  return html`<form id="chosen" class="buttons" action="${site.part(repository, 'compare')}"><button>Compare</button>${mayDelete && html` <button formaction="${site.part(repository, 'delete')}">Delete…</button>`}</form>
<nav class="parts" aria-label="More of ${repository}">${links}</nav>`
}

/** So many tags that they are not sorted are listed by name. */
async function tagsOf(call: Call<RepositoryPage>): Promise<{ readonly list: TagList; readonly page: TagPage }> {
  const { registry, request, route } = call
  const list = tagListIn(route.query)
  const asked = { limit: ROWS, signal: request.signal }
  try {
    return { list, page: await registry.shown.tags.page(route.repository, { ...list, ...asked }) }
  } catch (error) {
    if (!(error instanceof TooManyTags)) throw error
    const query = new URLSearchParams(route.query)
    query.set('sort', 'name')
    query.delete('order')
    const byName = tagListIn(query)
    return { list: byName, page: await registry.shown.tags.page(route.repository, { ...byName, ...asked }) }
  }
}

interface KnownImage {
  readonly image: ShownImage
  /** Of the tags of the image the one that says most. */
  readonly says: Tag
}

/** Undefined where there is no such tag, and where it went a moment ago. */
async function imageOf({ registry, route }: Call<RepositoryPage>, tag: Tag | undefined): Promise<KnownImage | undefined> {
  if (tag === undefined) return undefined
  try {
    const image = await registry.images.image(route.repository, tag)
    const tags = await registry.shown.tags.leadingTo(route.repository, image.manifest.digest, MOST_LOOKED_AT)
    return { image, says: mostPreciseTag([tag, ...tags]) }
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'MANIFEST_UNKNOWN') return undefined
    throw error
  }
}

/** A repository of charts is pulled by another client. */
async function pulledBy({ registry }: Call<RepositoryPage>, newest: KnownImage | undefined): Promise<Kind['pulledBy']> {
  const contents = newest && (await registry.shown.contents.of(newest.image.manifest.digest))
  if (contents === undefined) return 'container clients'
  const { artifactType, layers, images } = contents
  return kindOf({ artifactType, mediaTypes: [...layers, ...images].map(({ mediaType }) => mediaType) }).pulledBy
}

/** `2.3.1` says more than `2.3`, and each of them more than `latest`. The first one is given where none is a version. */
export function mostPreciseTag(tags: readonly [Tag, ...Tag[]]): Tag {
  const versions = tags.filter((tag) => /^v?\d+(?:\.\d+)*(?:[-_.].*)?$/.test(tag))
  return versions.toSorted((one, other) => other.length - one.length || (one < other ? 1 : -1))[0] ?? tags[0]
}

/** What people count. What is not known is left out. */
function countsOf({ tags, images, use, pulls }: ShownRepository): Html {
  const shared = use.own === undefined || use.own === use.bytes
  const counts = [
    tags === undefined ? 'more than 100,000 tags' : countText(tags, 'tag', 'tags'),
    images !== undefined && countText(images, 'image', 'images'),
    use.own !== undefined && `${sizeText(use.own)} here alone`,
    !(shared && use.own !== undefined) && `${sizeText(use.bytes)}${use.own === undefined ? '' : ' with what it shares'}`,
    pulls.days7 > 0 ? `pulled ${pulls.days7.toLocaleString('en-US')}× this week` : lastPull(pulls.lastMs),
  ]
  return html`<p class="facts">${counts.filter((count) => count !== false && count !== undefined).map((count) => html`<span>${count}</span>`)}</p>`
}

function lastPull(lastMs: number | null): Html | false {
  const last = timeOf(lastMs)
  return last !== undefined && html`pulled ${last}`
}

interface Facts {
  readonly site: Site
  readonly newest: KnownImage
  readonly latest: KnownImage | undefined
  /** When the newest tag came to its image. */
  readonly movedMs: number | null | undefined
}

/** What is asked of a repository most, of its newest image. */
async function factsOf({ registry, route }: Call<RepositoryPage>, { site, newest, latest, movedMs }: Facts) {
  const { repository } = route
  const { image, says } = newest
  const first = await registry.images.firstFacts(image)
  const said = first ?? image.facts
  const moved = timeOf(movedMs)
  const link = (tag: Tag) => html`<a href="${site.image(repository, tag)}"><code>${tag}</code></a>`
  const isNewest = latest?.image.manifest.digest === image.manifest.digest
  return [
    ['Newest', html`${link(says)}${moved !== undefined && html`, ${moved}`}`],
    [
      'latest',
      latest &&
        (isNewest ? 'is the newest' : html`is ${latest.says === 'latest' ? 'another image' : link(latest.says)}, not the newest`),
    ],
    ['Version', textOf(image.facts?.version ?? said?.version)],
    ['Built on', said && baseText(said)],
    ['Runs', said?.config && runText(said.config)],
    ['Source', sourceLink(image.facts?.source ?? said?.source)],
  ] as const
}
