import { RegistryError } from './errors.ts'

/** A repository name of distribution-spec "Pulling manifests", at most 255 characters. */
export type RepositoryName = string & { readonly repositoryName: unique symbol }

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
const MAX_NAME_LENGTH = 255

export function findRepositoryName(text: string): RepositoryName | undefined {
  return text.length <= MAX_NAME_LENGTH && NAME.test(text) ? (text as RepositoryName) : undefined
}

/** Throws NAME_INVALID. */
export function parseRepositoryName(text: string): RepositoryName {
  const name = findRepositoryName(text)
  if (name === undefined) throw new RegistryError('NAME_INVALID', { detail: text.slice(0, 300) })
  return name
}
