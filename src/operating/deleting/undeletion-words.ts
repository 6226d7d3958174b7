import { StartError } from '../../composition/start-error.ts'
import { findTag, type Tag } from '../../oci/reference.ts'
import type { Undeletable } from '../../registry/deleting/undeletion.ts'
import { findRecordId } from '../../registry/records/deleted-record.ts'
import { selectionOf } from './deletion-words.ts'

/** What an operator wrote: the id of a deletion, or what was deleted. Throws StartError with a sentence for what cannot be meant. */
export function undeletableOf(target: string): Undeletable {
  const id = findRecordId(target)
  if (id !== undefined) return { kind: 'record', id }
  const selection = selectionOf({ target, repositories: undefined, tags: undefined })
  if (selection.kind !== 'tags' && selection.kind !== 'repositories') return selection
  throw new StartError(`${JSON.stringify(target)} names nothing that was deleted.`)
}

/** Throws StartError. */
export function tagFor(what: Undeletable, text: string | undefined): Tag | undefined {
  if (text === undefined) return undefined
  if (what.kind === 'repository') throw new StartError('--tag is for one image; name its deletion, its tag or its digest.')
  const tag = findTag(text)
  if (tag === undefined) throw new StartError(`${JSON.stringify(text)} can be no tag.`)
  return tag
}
