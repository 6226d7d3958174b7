import type { Digest } from './digest.ts'
import { RegistryError } from './errors.ts'
import type { RepositoryName } from './name.ts'
import { isDigest, type Reference } from './reference.ts'

/** What is said of things that are not there, wherever that is found out: nobody can tell one who may not see from one who looked. */

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
