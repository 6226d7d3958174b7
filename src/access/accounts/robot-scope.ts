import { RepositoryGlob } from '../../oci/repository-glob.ts'
import type { Action } from '../access.ts'

/** What a robot may do with the repositories that a pattern fits. */
export interface RobotScope {
  readonly repositories: RepositoryGlob
  readonly can: readonly Action[]
}

const ACTIONS: readonly Action[] = ['pull', 'push', 'delete', 'list']

/** As in `team/*:pull,push`. Undefined for anything else. */
export function findScope(text: string): RobotScope | undefined {
  const [glob = '', can = '', ...rest] = text.split(':')
  const repositories = RepositoryGlob.find(glob)
  const asked = can.split(',')
  const known = ACTIONS.filter((action) => asked.includes(action))
  const isWhole = rest.length === 0 && known.length === asked.length
  return repositories !== undefined && isWhole ? { repositories, can: known } : undefined
}

export function formatScope({ repositories, can }: RobotScope): string {
  return `${repositories.text}:${can.join(',')}`
}
