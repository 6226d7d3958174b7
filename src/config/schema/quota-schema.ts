import type { z } from 'zod'
import { GLOB_RULE, RepositoryGlob } from '../../oci/repository-glob.ts'
import type { ConfigProblem } from '../config-error.ts'
import { exact, key, list, optionalKey, requiredKey, section } from './keys.ts'
import { boolean, byteSize, parsed, text } from './values.ts'

const quotaName = text.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
  error: "can be no name; write up to 64 letters, digits, '.', '_' and '-'",
})

const glob = parsed((value) => RepositoryGlob.find(value), GLOB_RULE)

/** Berth's own: registry:2 passes over a section that it does not know. */
export const quotas = list(
  exact(
    section({
      name: requiredKey(quotaName, { about: 'What messages and metrics call it.', example: 'team' }),
      repositories: list(glob, {
        about: 'The repositories, as patterns: * stands for letters within one part of a name, ** for one or more parts.',
        example: "['team/**']",
      }),
      except: list(glob, { about: 'Repositories among those that it is not about.', example: "['team/mirror/**']" }),
      each: key(boolean, {
        default: 'false',
        example: 'true',
        about:
          "Each name that stands in place of the first * has a quota of its own: '*/**' is one for each user's own repositories.",
      }),
      limit: optionalKey(byteSize, {
        about: 'How much they may hold, each blob counted once. What would be more is refused.',
        example: '10GB',
      }),
      warn: optionalKey(byteSize, {
        about: 'Above it pushes are answered with a warning, and the log has a line.',
        example: '8GB',
      }),
    }),
  ),
  {
    about:
      'How much repositories may hold (docs/operations/quotas.md). Where several are about one repository, all of them hold.',
    example: "[{name: team, repositories: ['team/**'], limit: 10GB, warn: 8GB}]",
  },
)

export function quotaProblems(parsedQuotas: z.output<typeof quotas>): ConfigProblem[] {
  return parsedQuotas.flatMap(({ name, repositories, each, limit, warn }, index) => {
    const at = (key: string, message: string): ConfigProblem => ({ path: `quotas.${index}.${key}`, message })
    const problems: ConfigProblem[] = []
    if (parsedQuotas.findIndex((other) => other.name === name) < index)
      problems.push(at('name', 'is the name of another quota; choose another one'))
    if (repositories.length === 0) problems.push(at('repositories', 'names nothing, so the quota could never hold'))
    if (limit === undefined && warn === undefined) problems.push(at('limit', 'and warn are both missing; set one of them'))
    if (limit !== undefined && warn !== undefined && warn >= limit)
      problems.push(at('warn', 'is not below limit, so no push would be warned before it is refused'))
    if (each)
      problems.push(
        ...repositories.flatMap((pattern, place) =>
          hasNames(pattern)
            ? []
            : [
                at(
                  `repositories.${place}`,
                  "has no single * before any **, which each needs; write it as in '*/**' or 'users/*/**'",
                ),
              ],
        ),
      )
    return problems
  })
}

/** Whether the first star of a pattern stands for one part of a name. */
function hasNames({ text }: RepositoryGlob): boolean {
  const first = text.split('/').find((part) => part.includes('*'))
  return first !== undefined && first !== '**'
}
