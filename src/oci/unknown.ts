import type { Digest } from './digest.ts'
import { RegistryError } from './errors.ts'
import type { RepositoryName } from './name.ts'
import { isDigest, type Reference } from './reference.ts'

/** The one answer for content that is missing and for content that the caller may not see: callers cannot tell them apart. */

export function manifestUnknown(reference: Reference): RegistryError {
  const what = isDigest(reference) ? 'manifest' : 'tag'
  return new RegistryError('MANIFEST_UNKNOWN', {
    message: `The repository has no ${what} ${reference}; look at its tags with GET /v2/<name>/tags/list.`,
    detail: { reference },
  })
}

export function blobUnknown(digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', { detail: { digest } })
}

export function nameUnknown(repository: RepositoryName): RegistryError {
  return new RegistryError('NAME_UNKNOWN', { detail: { name: repository } })
}
