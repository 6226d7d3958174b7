import type { Site } from '../../site.ts'
import { type Html, html } from '../../text/html.ts'
import type { Entry } from '../../tree.ts'

export interface Row extends Entry {
  readonly description: string
  /** 0 of a folder. */
  readonly stars: number
  /** What is said in a third column. */
  readonly last?: Html | undefined
}

interface Table {
  /** The folder in which they lie. */
  readonly below?: string
  /** The head of the third column; left out where there is none. */
  readonly last?: string
}

/** Repositories, and folders that stand for what is in them. */
export function repositoryTable(site: Site, rows: readonly Row[], { below = '', last }: Table = {}): Html {
  const hasStars = rows.some(({ stars }) => stars > 0)
  return html`<table class="rows">
<thead><tr><th scope="col">Repository</th><th scope="col">Description</th>${last !== undefined && html`<th scope="col">${last}</th>`}${hasStars && html`<th scope="col" class="number">Stars</th>`}</tr></thead>
<tbody>${rows.map((row) => rowOf(site, row, { below, hasLast: last !== undefined, hasStars }))}</tbody>
</table>`
}

interface Look {
  readonly below: string
  readonly hasLast: boolean
  readonly hasStars: boolean
}

function rowOf(site: Site, { kind, name, description, stars, last }: Row, { below, hasLast, hasStars }: Look): Html {
  const shown = name.slice(below.length)
  const end = shown.lastIndexOf('/', shown.length - 2) + 1
  const address = kind === 'folder' ? site.repositories({}, name) : site.repository(name)
  return html`<tr><td class="name"><a href="${address}"><code><span class="folder">${shown.slice(0, end)}</span>${shown.slice(end)}</code></a></td><td>${description !== '' && html`<bdi>${description}</bdi>`}</td>${hasLast && html`<td>${last}</td>`}${hasStars && html`<td class="number">${stars > 0 && html`★ ${stars}`}</td>`}</tr>
`
}
