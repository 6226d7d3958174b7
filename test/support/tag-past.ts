import { expect } from 'bun:test'
import type { Metadata } from '../../src/metadata/query.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { PastOfTag } from '../../src/registry/deleting/past-of-tag.ts'
import type { Registry } from '../../src/registry/registry.ts'

interface Opened {
  readonly registry: Registry
  readonly opened: { readonly metadata: Metadata }
}

/** How tags of a registry inside the test moved. No record may be unreadable. */
export function pastIn({ registry, opened: { metadata } }: Opened): PastOfTag {
  const { records: deleted, history } = registry
  const onUnreadable = (path: string) => expect(path).toBe('a record')
  return new PastOfTag({ metadata, deleted, history, signal: new AbortController().signal, onUnreadable })
}

/** Each move, the oldest first: where to, or 'deleted', and what did it, where that is known. */
export async function movesOf(opened: Opened, repository: string, tag: string): Promise<readonly string[]> {
  const { moves } = await pastIn(opened).of(parseRepositoryName(repository), parseTag(tag))
  return moves.map(({ digest, how }) => `${digest ?? 'deleted'} ${how ?? 'not recorded'}`).reverse()
}
