import { RegistryError } from '../../../../oci/errors.ts'
import { findTag } from '../../../../oci/reference.ts'
import { TagsMoved } from '../../../../registry/content/manifest-restoration.ts'
import { type DeletedRecord, findRecordId } from '../../../../registry/records/deleted-record.ts'
import { Refusal, statusOf } from '../../../answer/error-response.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { refusalOf } from '../../../api/undeletions.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { pageResponse, seeOther } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import type { PartPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { listText, shortDigest, timeOf, whenText } from '../../text/words.ts'

const MOST_SHOWN = 200
/** Records of the whole registry. */
const MOST_LOOKED_AT = 10_000
const MOST_TAGS = 8

/** `GET /ui/<name>/-/deleted`: what can be brought back, the newest first. */
export async function showDeleted(call: Call<PartPage>): Promise<PlainResponse> {
  return await deletedScreen(call, undefined)
}

/** `POST /ui/<name>/-/deleted`: brings one deletion back. */
export async function bringBack(call: Call<PartPage>): Promise<PlainResponse> {
  const { registry, route, request, actor } = call
  const form = await readForm(request)
  const id = findRecordId(form.get('id') ?? '')
  const as = findTag(form.get('as') ?? '')
  const record = id && (await registry.changes.records.find(id))
  const site = siteOf(call)
  try {
    // The caller was let into this repository alone.
    if (id === undefined || record?.repository !== route.repository) throw gone()
    const ignored = () => undefined
    const told = { onRestored: ignored, onGone: ignored, onUnreadable: ignored }
    await registry.changes.undeletion({ actor, signal: request.signal, ...told }).bringBack({ kind: 'record', id }, as)
  } catch (cause) {
    if (cause instanceof TagsMoved && record) return await deletedScreen(call, moved(record, cause), record)
    const error = refusalOf(cause)
    if (error instanceof RegistryError && statusOf(error) < 500) return await deletedScreen(call, error)
    throw error
  }
  const [tag] = as === undefined ? record.tags : [as]
  return seeOther(site, site.image(route.repository, tag ?? record.digest))
}

function gone(): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', {
    message: 'This deletion has been undone, or was longer ago than can be undone.',
  })
}

function moved({ tags }: DeletedRecord, cause: TagsMoved): Refusal {
  const what = tags.length === 1 ? `The tag ${tags[0]} points` : 'Its tags point'
  return new Refusal('DENIED', {
    status: 409,
    cause,
    message: `${what} elsewhere by now, and stays so. It can come back under another tag.`,
  })
}

/** `refusal`: why it was not brought back. `renamed`: what needs another tag. */
async function deletedScreen(
  call: Call<PartPage>,
  refusal: RegistryError | undefined,
  renamed: DeletedRecord | undefined = undefined,
): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository } = call.route
  const { records, isWhole } = await recordsOf(call)
  const main = html`${repositoryHeading(site, repository, html`<span class="quiet">, deleted</span>`)}
${refusal !== undefined && html`<p class="danger" role="alert">${refusal.message}</p>`}
${renamed !== undefined && renameForm(site, renamed)}
${records.length === 0 ? html`<p>Nothing that was deleted here can be brought back. <a href="${site.repository(repository)}">${repository}</a></p>` : table(site, call, records)}
${!isWhole && html`<p class="quiet">Older deletions are told by <code>berth undelete list</code>.</p>`}`
  return await pageResponse(
    site,
    { title: `${repository}, deleted`, main },
    { status: refusal === undefined ? 200 : statusOf(refusal) },
  )
}

function renameForm(site: Site, { repository, id, tags }: DeletedRecord): Html {
  return html`<form class="text" method="post" action="${site.part(repository, 'deleted')}"><input type="hidden" name="id" value="${id}">
<label>Tag under which it comes back <input name="as" value="${tags[0] === undefined ? '' : `${tags[0]}-old`}" maxlength="128" required autofocus></label>
<div class="buttons"><button class="main">Bring it back</button></div></form>`
}

async function recordsOf({ registry, request, route }: Call<PartPage>) {
  const records: DeletedRecord[] = []
  let looked = 0
  for await (const record of registry.changes.records.newestFirst(request.signal, () => undefined)) {
    looked += 1
    if (records.length === MOST_SHOWN || looked > MOST_LOOKED_AT) return { records, isWhole: false }
    if (record.repository === route.repository && record.untilMs > Date.now()) records.push(record)
  }
  return { records, isWhole: true }
}

function table(site: Site, { route }: Call<PartPage>, records: readonly DeletedRecord[]): Html {
  const nowMs = Date.now()
  const rows = records.map(({ id, kind, tags, digest, atMs, untilMs, actor }) => {
    const what = tags.length > 0 ? html`<code>${listText(tags, MOST_TAGS)}</code>` : html`<span class="quiet">no tag</span>`
    const words = tags.length === 1 && kind === 'tag' ? `Bring ${tags[0]} back` : 'Bring it back'
    return html`<tr><td class="name">${what}</td><td>${kind === 'tag' ? 'tag' : 'image'}</td><td class="digest"><code title="${digest}">${shortDigest(digest)}</code></td><td>${timeOf(atMs)}${actor.name !== undefined && html`, <bdi>${actor.name}</bdi>`}</td><td>${whenText(untilMs, nowMs)}</td><td class="action"><form method="post" action="${site.part(route.repository, 'deleted')}"><input type="hidden" name="id" value="${id}"><button>${words}</button></form></td></tr>
`
  })
  return html`<table class="rows"><thead><tr><th scope="col">Deleted</th><th scope="col">What</th><th scope="col">Digest</th><th scope="col">When</th><th scope="col">Can be brought back until</th><th scope="col"><span class="unseen">Bring back</span></th></tr></thead><tbody>${rows}</tbody></table>`
}
