import type { RepositoryName } from '../oci/name.ts'
import type { Query } from './query.ts'
import { readProperty, writeProperty } from './scans.ts'

/** The names that the scan of an epoch passed over because they could not be read, in byte order. */
export async function listPassedOver(query: Query, epoch: number): Promise<readonly RepositoryName[]> {
  const text = await readProperty(query, 'passed-over')
  if (text === undefined) return []
  const written = JSON.parse(text) as { readonly epoch: number; readonly names: readonly RepositoryName[] }
  return written.epoch === epoch ? written.names : []
}

export async function writePassedOver(query: Query, epoch: number, names: readonly RepositoryName[]): Promise<void> {
  await writeProperty(query, 'passed-over', JSON.stringify({ epoch, names: [...new Set(names)].sort() }))
}

/** True where a repository is one of them, or lies below one: the storage may have it. */
export async function isPassedOver(query: Query, epoch: number, repository: RepositoryName): Promise<boolean> {
  const names = await listPassedOver(query, epoch)
  return names.some((name) => repository === name || repository.startsWith(`${name}/`))
}
