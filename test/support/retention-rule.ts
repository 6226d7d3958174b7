import { RepositoryGlob } from '../../src/oci/repository-glob.ts'
import { TagGlob } from '../../src/oci/tag-glob.ts'
import type { KeepLines, RetentionRule, TagSet } from '../../src/retention/rules.ts'

const NO_LINES = {
  newest: undefined,
  versions: undefined,
  pushedMs: undefined,
  pulledMs: undefined,
  moves: undefined,
  running: false,
}

/** A rule about the tags that fit a pattern, in the repositories that fit another one. */
export function ruleOf(repositories: string, tags: string, keep: Partial<KeepLines>): RetentionRule {
  return { ...tagSetOf(repositories, tags), keep: { ...NO_LINES, ...keep } }
}

export function tagSetOf(repositories: string, tags: string): TagSet {
  const [repository, tag] = [RepositoryGlob.find(repositories), TagGlob.find(tags)]
  if (repository === undefined || tag === undefined) throw new Error(`${repositories} or ${tags} is no pattern`)
  return { repositories: [repository], tags: [tag] }
}
