import { RegistryError } from '../../../../oci/errors.ts'
import type { ReadFiles } from '../../../../registry/inside/inside-images.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { pageResponse } from '../../document.ts'
import type { PartPage } from '../../page-routes.ts'
import { referenceText, type Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { countText, sizeText } from '../../text/words.ts'
import { insideHeading } from './inside.ts'
import { findMeant, type Meant, queryOf } from './meant.ts'

const MOST_ROWS = 1_000
/** As Linux has it. */
const MOST_PATH = 4_096

type ImageFile = NonNullable<ReadFiles['files']>[number]

/** `GET /ui/<name>/-/files?of=…&path=…`: what lies in a folder of an image, as its container sees it. */
export async function showFiles(call: Call<PartPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { registry, request, route } = call
  const meant = findMeant(route.query)
  const path = (route.query.get('path') ?? '/').slice(0, MOST_PATH)
  const { files } = await registry.shown.inside.files(route.repository, meant, path, request.signal)
  if (files === undefined) throw new RegistryError('BLOB_UNKNOWN', { message: 'There is nothing at this path in the image.' })
  const folder = { site, call, meant }
  const rows = files.slice(0, MOST_ROWS).map((file) => rowOf(folder, file))
  const main = html`${insideHeading(site, call, meant)}
<p class="facts"><span>${pathLinks(folder, path)}</span><span class="quiet">${countText(files.length, 'entry', 'entries')}</span></p>
<table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">Rights</th><th scope="col">Owner</th><th scope="col" class="number">Size</th><th scope="col" class="number">Layer</th></tr></thead><tbody>${rows}</tbody></table>
${files.length > MOST_ROWS && html`<p class="quiet">${files.length - MOST_ROWS} more; <code>/api/v1</code> has them page by page.</p>`}`
  return await pageResponse(site, { title: `${referenceText(route.repository, meant.reference)}, ${path}`, main })
}

interface Folder {
  readonly site: Site
  readonly call: Call<PartPage>
  readonly meant: Meant
}

/** Each folder on the way as a link. */
function pathLinks({ site, call, meant }: Folder, path: string): Html {
  const parts = path.split('/').filter((part) => part !== '')
  const linkTo = (to: string) => site.part(call.route.repository, 'files', { ...queryOf(meant), path: to })
  const links = parts.map(
    (part, at) =>
      html`<a href="${linkTo(`/${parts.slice(0, at + 1).join('/')}`)}"><bdi>${part}</bdi></a><span class="quiet">/</span>`,
  )
  return html`<a href="${linkTo('/')}">/</a>${links}`
}

function rowOf({ site, call, meant }: Folder, file: ImageFile): Html {
  const { path, kind, size, mode, userId, groupId, target, layer } = file
  const { repository } = call.route
  const name = html`<bdi>${path.slice(path.lastIndexOf('/') + 1)}${kind === 'directory' && '/'}</bdi>`
  const query = { ...queryOf(meant), path: `/${path}` }
  const isFolder = kind === 'directory' || kind === 'symbolic link'
  const bytes = kind === 'file' && site.file(repository, meant.reference, meant.platform, `/${path}`)
  const address = isFolder ? site.part(repository, 'files', query) : bytes
  const link = address === false ? html`${name} <span class="quiet">${kind}</span>` : html`<a href="${address}">${name}</a>`
  return html`<tr><td class="name">${link}${target !== '' && html` <span class="quiet">→ <bdi>${target}</bdi></span>`}</td><td><code>${mode.toString(8).padStart(4, '0')}</code></td><td>${userId}:${groupId}</td><td class="number">${kind === 'file' && sizeText(size)}</td><td class="number">${layer + 1}</td></tr>
`
}
