import { RegistryError } from '../../../../oci/errors.ts'
import type { RepositoryName } from '../../../../oci/name.ts'
import type { InsideFacts } from '../../../../registry/inside/inside-facts.ts'
import type { ToldBase, ToldImage } from '../../../../registry/inside/inside-images.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { type AttachedSbom, attachedSboms } from '../../../api/inside/attached.ts'
import type { Call } from '../../../call.ts'
import { shownNames } from '../../../shown-names.ts'
import { pageResponse } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import type { PartPage } from '../../page-routes.ts'
import { referenceText, type Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { known, textOf } from '../../text/image-words.ts'
import { countText, listText } from '../../text/words.ts'
import { findMeant, type Meant, queryOf } from './meant.ts'

const MOST_ROWS = 500
const MOST_LIBRARIES = 20
const MOST_PROBLEMS = 20
const MOST_SBOMS = 10

/** `GET /ui/<name>/-/inside?of=…`: the packages of an image, and what it runs, as its layers tell. */
export async function showInside(call: Call<PartPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository } = call.route
  const meant = findMeant(call.route.query)
  const image = await call.registry.shown.inside.of(repository, meant, call.request.signal)
  const main = html`${insideHeading(site, call, meant)}
${stateText(image)}
${attachedOf(site, repository, await attachedSboms(call.registry, repository, image))}
${image.inside !== undefined && factsOf(image.inside, await call.registry.shown.inside.baseOf(image, shownNames(call.permit)))}
${image.state === 'read' && html`<p class="facts"><span><a href="${site.part(repository, 'files', queryOf(meant))}">Its files</a></span></p>`}
${problemsOf(image)}
${image.state === 'read' && (await packageTable(call, site, meant))}`
  return await pageResponse(site, { title: `${referenceText(repository, meant.reference)}, inside`, main })
}

/** The name of the image, as a link to its screen. */
export function insideHeading(site: Site, { route }: Call<PartPage>, { reference }: Meant): Html {
  const { repository } = route
  const own = referenceText('', reference)
  return repositoryHeading(
    site,
    repository,
    html`<a href="${site.image(repository, reference)}">${own}</a><span class="quiet">, inside</span>`,
  )
}

function stateText({ state }: ToldImage): Html | undefined {
  switch (state) {
    case 'read':
      return undefined
    case 'unread':
      return html`<p>Its layers are being read; look again in a moment.</p>`
    case 'waiting':
      return html`<p>One of its layers has not come yet: it comes with the first pull.</p>`
    case 'nothing':
      return html`<p>It is no image that runs: nothing in it is told.</p>`
  }
}

/** It knows more than what is read below. */
function attachedOf(site: Site, repository: RepositoryName, sboms: readonly AttachedSbom[]): Html | undefined {
  if (sboms.length === 0) return undefined
  const links = sboms
    .slice(0, MOST_SBOMS)
    .map(({ reference, type }) => html`<li><a href="${site.image(repository, reference)}"><bdi>${type}</bdi></a></li>`)
  return html`<p>Its builder attached a list of packages, which counts more than what was read:</p><ul>${links}</ul>`
}

function baseText({ name, by }: ToldBase): Html {
  return html`<bdi>${name}</bdi>${by === 'layers' && html` <span class="quiet">by its first layers</span>`}`
}

function factsOf({ distribution, program, packages }: InsideFacts, base: ToldBase | undefined): Html | undefined {
  const counts = Object.entries(packages).map(([type, count]) => `${count} ${type}`)
  return known([
    ['Distribution', textOf(distribution?.name) ?? 'not known: no os-release in it'],
    ['Base', base === undefined ? 'not known: no annotation, and no image here has its first layers' : baseText(base)],
    ['Runs', program === undefined ? 'not known: the file was not found in it' : programOf(program)],
    ['Packages', counts.length === 0 ? 'none found' : listText(counts, counts.length)],
  ])
}

function programOf({ path, kind, language, isStatic, libraries, interpreter }: NonNullable<InsideFacts['program']>): Html {
  const name = html`<code><bdi>/${path}</bdi></code>`
  if (kind === 'script') return html`${name}, a script of <bdi>${language}</bdi>`
  if (kind === 'other') return html`${name}, neither an ELF program nor a script`
  const needs = isStatic ? 'a static program' : `needs ${listText(libraries, MOST_LIBRARIES) || interpreter || 'nothing'}`
  return html`${name}, ${language !== undefined && html`<bdi>${language}</bdi>, `}<bdi>${needs}</bdi>`
}

function problemsOf({ layers, inside }: ToldImage): Html | undefined {
  const problems = [...layers.flatMap((layer) => layer.problems), ...(inside?.problems ?? [])]
  if (problems.length === 0) return undefined
  return html`<h2>Not all is told</h2><ul>${problems.slice(0, MOST_PROBLEMS).map((problem) => html`<li><bdi>${problem}</bdi></li>`)}</ul>`
}

async function packageTable({ registry, request, route }: Call<PartPage>, site: Site, meant: Meant): Promise<Html | undefined> {
  const { repository, query } = route
  const q = (query.get('q') ?? '').slice(0, 200)
  const { packages } = await registry.shown.inside.packages(repository, meant, request.signal)
  if (packages.length === 0) return undefined
  const found = packages.filter(({ name }) => name.includes(q))
  const rows = found.slice(0, MOST_ROWS).map(
    ({ type, name, version, path }) =>
      html`<tr><td class="name"><bdi>${name}</bdi></td><td><bdi>${version}</bdi></td><td>${type}</td><td><code><bdi>/${path}</bdi></code></td></tr>
`,
  )
  return html`<h2>Packages <span class="quiet">${countText(found.length, 'package', 'packages')}</span></h2>
<form action="${site.part(repository, 'inside')}"><input type="hidden" name="of" value="${meant.reference}">${meant.platform !== undefined && html`<input type="hidden" name="platform" value="${meant.platform}">`}<label>Part of a name <input name="q" value="${q}" maxlength="200" autocomplete="off" spellcheck="false"></label> <button>Find</button></form>
<table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">Version</th><th scope="col">Kind</th><th scope="col">Told by</th></tr></thead><tbody>${rows}</tbody></table>
${found.length > MOST_ROWS && html`<p class="quiet">${found.length - MOST_ROWS} more; a part of a name finds them.</p>`}`
}

/** What the comparison of two images says where their layers cannot be compared now. Throws all else. */
export function reasonOf(error: unknown): string {
  if (error instanceof RegistryError && (error.code === 'UNAVAILABLE' || error.code === 'UNSUPPORTED')) return error.message
  throw error
}
