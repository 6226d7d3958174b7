import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import { CLOCK_MS, type Query, type Stamp } from '../query.ts'

export interface TagChange {
  readonly repositoryId: number
  readonly tag: Tag
  /** Null: the tag is not there any more, which leaves a tombstone. */
  readonly digest: Digest | null
}

/** What moves a tag, and when, by the wall clock. */
export interface MovedBy {
  /** What the operation is called: 'manifest push'. */
  readonly how: string
  readonly actor: Actor
  readonly atMs: number
}

/** The storage has the tag with this digest, or with null has none: nothing is known of how it came to that. */
export async function setTag(query: Query, repositoryId: number, tag: Tag, digest: Digest | null, stamp: Stamp): Promise<void> {
  await writeTag(query, { repositoryId, tag, digest, isPushed: 0 }, undefined, stamp)
}

/**
 * The same for what an operation has done. A tag that points elsewhere from now on has moved: triggers of the table note that in `tag_move`, so that it
 * costs no further statement. `by` is undefined where nothing tells.
 */
export async function moveTag(query: Query, change: TagChange, by: MovedBy | undefined, stamp: Stamp): Promise<void> {
  await writeTag(query, { ...change, isPushed: 0 }, by, stamp)
}

/** The same for a push of the tag, also of one that points there already: rules for tags go by its time. */
export async function pushTag(query: Query, change: TagChange, by: MovedBy, stamp: Stamp): Promise<void> {
  await writeTag(query, { ...change, isPushed: 1 }, by, stamp)
}

interface WrittenTag extends TagChange {
  readonly isPushed: 0 | 1
}

/** When it was pushed, and what moved it there, is known as long as it does not move. */
async function writeTag(
  query: Query,
  { repositoryId, tag, digest, isPushed }: WrittenTag,
  by: MovedBy | undefined,
  stamp: Stamp,
): Promise<void> {
  await query.run(
    `INSERT INTO tag (repository_id, name, digest, held, number, epoch, pushed_ms, moved_ms, moved_by, moved_how)
     VALUES (?, ?, ?, coalesce((SELECT held FROM manifest WHERE repository_id = ? AND digest = ?), 0), ?, ?,
       CASE WHEN ? = 1 THEN ${CLOCK_MS} END, ?, ?, ?)
     ON CONFLICT (repository_id, name) DO UPDATE
     SET digest = excluded.digest, held = excluded.held, number = excluded.number, epoch = excluded.epoch,
       pushed_ms = coalesce(excluded.pushed_ms, CASE WHEN tag.digest = excluded.digest THEN tag.pushed_ms END),
       moved_ms = CASE WHEN tag.digest = excluded.digest THEN tag.moved_ms ELSE excluded.moved_ms END,
       moved_by = CASE WHEN tag.digest = excluded.digest THEN tag.moved_by ELSE excluded.moved_by END,
       moved_how = CASE WHEN tag.digest = excluded.digest THEN tag.moved_how ELSE excluded.moved_how END`,
    repositoryId,
    tag,
    digest,
    repositoryId,
    digest,
    stamp.number,
    stamp.epoch,
    isPushed,
    by?.atMs ?? null,
    by?.actor.name ?? null,
    by?.how ?? null,
  )
}
