import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { SLICE } from '../collecting/links.ts'
import type { Query } from '../query.ts'

/** What a mirror holds, and when clients used it last, by the collector's clock. */

export interface RepositoryBelow {
  readonly id: number
  readonly name: RepositoryName
}

/** A page of the repositories below a prefix, by name; of all of them where it is ''. */
export async function listRepositoriesBelow(
  query: Query,
  prefix: string,
  after: string,
  limit: number,
): Promise<RepositoryBelow[]> {
  // '0' follows '/' among the letters of names, and '{' follows them all.
  const [first, end] = prefix === '' ? ['', '{'] : [`${prefix}/`, `${prefix}0`]
  return await query.all<RepositoryBelow>(
    'SELECT id, name FROM repository WHERE name > ? AND name < ? ORDER BY name LIMIT ?',
    after === '' ? first : after,
    end,
    limit,
  )
}

export interface ImageUse {
  readonly digest: Digest
  /** The last pull of it, or of one of the images that it names; or when it came. */
  readonly usedMs: number
  /** 1: it goes with the manifest that names it, or that it is about. */
  readonly isPart: 0 | 1
  readonly isHeld: 0 | 1
}

const IMAGE_USE = `m.digest AS digest, m.held AS isHeld,
  max(max(m.touched_ms, coalesce(m.pushed_ms, 0)), max(coalesce(m.pulled_ms, 0),
    coalesce((SELECT max(c.pulled_ms) FROM reference f JOIN manifest c ON c.repository_id = f.repository_id AND c.digest = f.target
              WHERE f.repository_id = m.repository_id AND f.manifest = m.digest AND f.role = 'child'), 0))) AS usedMs,
  (EXISTS (SELECT 1 FROM reference f JOIN manifest p ON p.repository_id = f.repository_id AND p.digest = f.manifest AND p.linked = 1
           WHERE f.target = m.digest AND f.repository_id = m.repository_id AND f.manifest <> m.digest)
    OR EXISTS (SELECT 1 FROM manifest s WHERE s.repository_id = m.repository_id AND s.digest = m.subject AND s.linked = 1)) AS isPart`

/** A slice of the manifests of a repository, by digest. */
export async function listImageUses(query: Query, repositoryId: number, after: string): Promise<ImageUse[]> {
  return await query.all<ImageUse>(
    `SELECT ${IMAGE_USE} FROM (SELECT * FROM manifest WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT ${SLICE}) m`,
    repositoryId,
    after,
  )
}

/** The same of one manifest. */
export async function findImageUse(query: Query, repositoryId: number, digest: Digest): Promise<ImageUse | undefined> {
  return await query.get<ImageUse>(
    `SELECT ${IMAGE_USE} FROM manifest m WHERE m.repository_id = ? AND m.digest = ?`,
    repositoryId,
    digest,
  )
}
