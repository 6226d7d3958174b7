import type { Query } from '../../../metadata/query.ts'
import { findUses } from '../../../metadata/quotas/quotas.ts'
import type { MirrorUse } from '../../../observe/metrics/mirror-metrics.ts'
import { RepositoryGlob } from '../../../oci/repository-glob.ts'
import type { CountedRepositories } from '../../quotas/quota-rules.ts'
import type { MirrorLimits } from './mirror-limits.ts'

export interface LimitedMirror {
  /** '' where it is the whole registry. */
  readonly prefix: string
  readonly limits: Pick<MirrorLimits, 'sizeBytes'> | undefined
  /** It brings something unasked. */
  readonly hasRule?: boolean
}

/** Under which name the metadata counts what a mirror holds. No quota can be called so. */
export function countedName(prefix: string): string {
  return `mirror:${prefix.replaceAll('/', ':')}`
}

/** What is counted for the mirrors that have a size. */
export function countedMirrors(mirrors: readonly LimitedMirror[]): readonly CountedRepositories[] {
  return mirrors.flatMap(({ prefix, limits }) =>
    limits?.sizeBytes === undefined ? [] : [{ name: countedName(prefix), repositories: globOf(prefix) }],
  )
}

/** What a mirror holds, by the name under which it is counted. */
export async function usedBy(query: Query, countedAs: string): Promise<number> {
  const [use] = await findUses(query, [countedAs], undefined)
  return use?.used ?? 0
}

/** How full the mirrors are that have a size. */
export async function mirrorUses(query: Query, mirrors: readonly LimitedMirror[]): Promise<readonly MirrorUse[]> {
  const uses: MirrorUse[] = []
  for (const { prefix, limits } of mirrors) {
    const sizeBytes = limits?.sizeBytes
    if (sizeBytes === undefined) continue
    uses.push({ mirror: prefix === '' ? 'proxy' : prefix, usedBytes: await usedBy(query, countedName(prefix)), sizeBytes })
  }
  return uses
}

function globOf(prefix: string): RepositoryGlob {
  const glob = RepositoryGlob.find(prefix === '' ? '**' : `${prefix}/**`)
  if (glob === undefined) throw new Error(`the prefix ${prefix} is too long for a pattern`)
  return glob
}
