import { AccessRefusal } from '../../../access/access.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { isDigest } from '../../../oci/reference.ts'
import { errorResponse, statusOf } from '../../answer/error-response.ts'
import type { HeaderFields, PlainResponse } from '../../answer/responses.ts'
import type { ServedRegistry } from '../../call.ts'
import type { Failure, IncomingRequest } from '../../pipeline.ts'
import { pageResponse } from '../document.ts'
import type { PageRoute } from '../page-routes.ts'
import { siteFor } from '../site-of.ts'
import { html } from '../text/html.ts'
import { signInScreen } from './account/sign-in-form.ts'

/** Throws NAME_UNKNOWN. */
export function showNowhere(): never {
  throw new RegistryError('NAME_UNKNOWN', { message: 'There is no page at this address.' })
}

interface Failed {
  readonly registry: ServedRegistry
  readonly incoming: IncomingRequest
  readonly route: PageRoute
}

/** An error as a screen, with its sentence and the id under which the log has it; for a caller that has to sign in, the form for that. */
export async function failureScreen(
  { registry, incoming, route }: Failed,
  { error, requestId, caller }: Failure,
): Promise<PlainResponse> {
  const { request, url, connection } = incoming
  const site = siteFor(registry, { request, connection, caller })
  const status = statusOf(error)
  const answer = { status, headers: headersOf(error, requestId) }
  if (route.resource === 'page-sign-in')
    return await pageResponse(site, signInScreen(site, { to: route.query.get('to') ?? '', error }), answer)
  const isAsked = error instanceof AccessRefusal && error.code === 'UNAUTHORIZED'
  if (isAsked) return await pageResponse(site, signInScreen(site, { to: url.pathname + url.search, error: undefined }), answer)
  const main = html`<h1>${titleOf(status)}</h1>
<p>${sentenceOf(error, route)}</p>
<p class="quiet">Request <code>${requestId}</code></p>
<p><a href="${site.repositories()}">All repositories</a></p>`
  return await pageResponse(site, { title: titleOf(status), main }, answer)
}

/** Those of the error but for what describes its body, and the challenge, for which a browser would open a window of its own. */
function headersOf(error: RegistryError, requestId: string): HeaderFields {
  const { 'Content-Type': _, 'Content-Length': __, 'WWW-Authenticate': ___, ...headers } = errorResponse(error, requestId).headers
  return headers
}

function titleOf(status: number): string {
  if (status === 404) return 'Not here'
  if (status === 403) return 'Not allowed'
  if (status === 503) return 'Not now'
  return status >= 500 ? 'The registry failed' : 'This cannot be done'
}

/** What is missing is told in the page's words, not in those of the API. */
function sentenceOf({ code, message }: RegistryError, route: PageRoute): string {
  switch (route.resource) {
    case 'page-repository':
    case 'page-space':
    case 'page-inside':
    case 'page-files':
    case 'page-star':
    case 'page-description':
    case 'page-deleted':
      return code === 'NAME_UNKNOWN' ? `There is no repository ${route.repository}, or you may not see it.` : message
    case 'page-image':
    case 'page-content':
    case 'page-history':
      if (code !== 'MANIFEST_UNKNOWN') return message
      return `The repository ${route.repository} has no ${isDigest(route.reference) ? 'manifest' : 'tag'} ${route.reference}, or you may not see it.`
    default:
      return message
  }
}
