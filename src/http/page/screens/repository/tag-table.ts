import type { RepositoryName } from '../../../../oci/name.ts'
import type { Tag } from '../../../../oci/reference.ts'
import type { TagSort } from '../../../../registry/shown/tag-order.ts'
import type { ShownTag, TagPage } from '../../../../registry/shown/tag-pages.ts'
import { textOfPlace } from '../../../api/tag-place.ts'
import type { Site } from '../../site.ts'
import { type Html, html } from '../../text/html.ts'
import { countText, listText, shortDigest, shortTag, sizeText, timeOf } from '../../text/words.ts'
import { queryOf, sortedBy, type TagList } from './tag-list.ts'

/** Tags of the same image that are named in a row. */
const MOST_NAMES = 3
const MOST_PLATFORMS = 4

export interface TagTable {
  readonly site: Site
  readonly repository: RepositoryName
  readonly list: TagList
  readonly page: TagPage
  readonly newest: Tag | undefined
  readonly rows: number
}

/** A page of the tags of a repository, with a field that looks for a part of their names. */
export function tagTable({ list, page, ...table }: TagTable): Html {
  const { site, repository, rows } = table
  const next = page.next && site.repository(repository, { ...queryOf(list), after: textOfPlace(page.next, list.sort) })
  return html`<div id="tags">
${page.entries.length === 0 ? nothing({ site, repository, list }) : tableOf({ ...table, list, page })}
${next !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${next}">Next ${rows}</a></nav>`}</div>`
}

/** The field that looks for a part of the tags' names. */
export function tagFilter(site: Site, repository: RepositoryName, list: TagList): Html {
  const { sort, order } = queryOf(list)
  const kept = Object.entries({ sort, order }).flatMap(([name, value]) =>
    value === undefined ? [] : [html`<input type="hidden" name="${name}" value="${String(value)}">`],
  )
  return html`<form class="filter" action="${site.repository(repository)}" data-live="tags">${kept}<input type="search" name="q" value="${list.part}" maxlength="128" placeholder="Filter tags" aria-label="Filter tags" autocomplete="off" spellcheck="false"></form>`
}

function nothing({ site, repository, list: { part, after } }: Pick<TagTable, 'site' | 'repository' | 'list'>): Html {
  const all = html`<a href="${site.repository(repository)}">All tags</a>`
  if (part !== undefined) return html`<p>No tag has ${part} in its name. ${all}</p>`
  if (after !== undefined) return html`<p>No tag comes after ${after.tag}. ${all}</p>`
  return html`<p>No tag points to what is in this repository; its manifests can be pulled by digest.</p>`
}

function tableOf({ page, ...table }: Omit<TagTable, 'rows'>): Html {
  const head = (sort: TagSort, words: string) => sortLink(table, sort, words)
  return html`<table class="rows tags">
<thead><tr><th scope="col" class="pick"><span class="unseen">Choose</span></th><th scope="col" aria-sort="${directionOf(table.list, 'name', 'version')}">${head('name', 'Tag')} <span class="also">${head('version', 'by version')}</span></th><th scope="col">Same image as</th><th scope="col">Platforms</th><th scope="col" class="number" aria-sort="${directionOf(table.list, 'size')}">${head('size', 'Size')}</th><th scope="col" aria-sort="${directionOf(table.list, 'moved')}">${head('moved', 'Moved')}</th><th scope="col" aria-sort="${directionOf(table.list, 'pulls')}">${head('pulls', 'Pulled')}</th></tr></thead>
<tbody>${page.entries.map((tag) => rowOf(table, tag))}</tbody>
</table>`
}

function directionOf(list: TagList, ...sorts: readonly TagSort[]): string {
  if (!sorts.includes(list.sort)) return 'none'
  return list.isDescending ? 'descending' : 'ascending'
}

/** The head of a column turns its order round. */
function sortLink(
  { site, repository, list }: Pick<TagTable, 'site' | 'repository' | 'list'>,
  sort: TagSort,
  words: string,
): Html {
  const arrow = list.sort === sort && html`<span aria-hidden="true"> ${list.isDescending ? '↓' : '↑'}</span>`
  return html`<a href="${site.repository(repository, sortedBy(list, sort))}">${words}${arrow}</a>`
}

function rowOf({ site, repository, newest }: Pick<TagTable, 'site' | 'repository' | 'newest'>, shown: ShownTag): Html {
  const { tag, digest, sameAs, platforms } = shown
  const name = html`<a href="${site.image(repository, tag)}" data-reference="${site.host}/${repository}:${tag}"><code title="${tag}">${shortTag(tag)}</code></a>`
  const others = html`<code>${sameAs.slice(0, MOST_NAMES).join(', ')}</code>${sameAs.length > MOST_NAMES && ', …'}`
  const box = html`<input type="checkbox" name="tag" value="${tag}" form="chosen" aria-label="Choose ${tag}">`
  return html`<tr><td class="pick">${box}</td><td class="name">${name}${tag === newest && html`<span class="badge newest">newest</span>`}</td><td class="same" title="${digest}">${sameAs.length > 0 ? others : html`<code class="quiet">${shortDigest(digest)}</code>`}</td><td>${platformsOf(platforms)}</td><td class="number">${sizeOf(shown)}</td><td>${movedOf(site, repository, shown)}</td><td>${pulledOf(shown)}</td></tr>
`
}

/** Of an image index that of its first image, which is what a client pulls of it, about. */
function sizeOf({ size, firstSize }: ShownTag): Html | undefined {
  const bytes = size ?? firstSize
  if (bytes === null) return undefined
  return size === null ? html`<span title="its first image">${sizeText(bytes)}</span>` : html`${sizeText(bytes)}`
}

/** Where no move is known, when its image was made. */
function movedOf(site: Site, repository: RepositoryName, { tag, movedMs, movedBy, createdMs }: ShownTag): Html | undefined {
  const moved = timeOf(movedMs)
  if (moved === undefined) {
    const made = timeOf(createdMs)
    return made && html`<span class="quiet">made ${made}</span>`
  }
  return html`<a href="${site.history(repository, tag)}">${moved}</a>${movedBy !== null && html`, <bdi>${movedBy}</bdi>`}`
}

function pulledOf({ pulls: { lastMs, days30 } }: ShownTag): Html | undefined {
  const last = timeOf(lastMs)
  if (last === undefined) return undefined
  return html`${last}<span class="times" title="${countText(days30, 'pull', 'pulls')} in 30 days">, ${days30.toLocaleString('en-US')}×</span>`
}

/** Linux is what images run on; another system is named. */
function platformsOf(json: string | null): string {
  if (json === null) return ''
  const platforms = (JSON.parse(json) as string[]).map((platform) => platform.replace(/^linux\//, ''))
  return listText(platforms, MOST_PLATFORMS)
}
