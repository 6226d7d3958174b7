import type { StillNamed } from '../registry/content/still-named.ts'
import { Refusal } from './answer/error-response.ts'
import type { HeaderFields } from './answer/responses.ts'

/** Whether a DELETE asks for what manifests still name as well: `?force=true`. */
export function isForced(query: URLSearchParams): boolean {
  return query.get('force') === 'true'
}

/** The spec lets a registry answer 405 to a delete that it does not do. */
export function deleteRefused({ message, detail }: StillNamed, allow: HeaderFields): Refusal {
  return new Refusal('DENIED', { status: 405, message, detail, headers: allow })
}
