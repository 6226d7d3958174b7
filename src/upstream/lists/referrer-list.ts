import type { Descriptor } from '../../oci/descriptor.ts'
import { RegistryError } from '../../oci/errors.ts'
import { parseManifest } from '../../oci/manifest.ts'
import { requireBounds } from '../../oci/manifest-bounds.ts'
import { OCI_IMAGE_INDEX } from '../../oci/media-types.ts'
import { wrongAnswer } from '../upstream-failure.ts'

/** More than any image has; a longer list, or one without an end, is refused. */
export const MOST_REFERRERS = 10_000
export const MOST_REFERRER_PAGES = 100
export const MOST_REFERRER_BYTES = 16 * 1024 * 1024

/** What an image index of referrers lists (distribution-spec end-12). Throws UpstreamFailure for what is no image index. */
export function referrersIn(bytes: Uint8Array, asked: string): readonly Descriptor[] {
  try {
    requireBounds(bytes)
    return parseManifest(bytes, OCI_IMAGE_INDEX).references.map(({ descriptor }) => descriptor)
  } catch (cause) {
    if (!(cause instanceof RegistryError)) throw cause
    throw wrongAnswer(asked, `sends what is no list of referrers: ${cause.message.replace(/\.$/, '')}`, cause)
  }
}

/**
 * The query of the page that a Link leads to; undefined where none follows. Only the query counts: a Link that names another path, or another host,
 * leads nowhere else.
 */
export function nextQuery(headers: Headers): string | undefined {
  const [, target] = /<([^>]*)>\s*;[^,]*\brel="?next\b/i.exec(headers.get('link')?.slice(0, MOST_LINK_LETTERS) ?? '') ?? []
  return target !== undefined && URL.canParse(target, ANYWHERE) ? new URL(target, ANYWHERE).search : undefined
}

const MOST_LINK_LETTERS = 8192
const ANYWHERE = 'http://registry'
