import type { RepositoryName } from '../../oci/name.ts'
import type { RepositoryGlob } from '../../oci/repository-glob.ts'

/** How much some repositories may hold, as the operator says. */
export interface QuotaRule {
  readonly name: string
  readonly repositories: readonly RepositoryGlob[]
  /** Repositories among those that the rule is not about. */
  readonly except: readonly RepositoryGlob[]
  /** Each name in place of the first star of a pattern has a quota of its own. */
  readonly isEach: boolean
  /** Bytes; undefined: there is no hard limit. */
  readonly limitBytes: number | undefined
  /** Bytes from which on pushes are warned; undefined: they are not. */
  readonly warnBytes: number | undefined
}

/** One quota that holds for a repository. */
export interface Quota {
  /** That of its rule; with `/<name>` behind it where each name has its own. */
  readonly name: string
  readonly limitBytes: number | undefined
  readonly warnBytes: number | undefined
}

/** Repositories whose content is counted, without a limit. */
export interface CountedRepositories {
  /** No quota has it. */
  readonly name: string
  readonly repositories: RepositoryGlob
}

/** Which quotas hold for which repositories. Several may hold for one: each of them counts. */
export class QuotaRules {
  readonly #rules: readonly QuotaRule[]
  readonly #counted: readonly CountedRepositories[]

  /** `counted`: what is only counted, whichever quotas hold there. */
  constructor(rules: readonly QuotaRule[], counted: readonly CountedRepositories[] = []) {
    this.#rules = rules
    this.#counted = counted
  }

  /** Nothing is counted. */
  get isEmpty(): boolean {
    return this.#rules.length + this.#counted.length === 0
  }

  /** Names and patterns decide what is counted for which quota. Limits do not: they may change without a new count. */
  get text(): string {
    return this.isEmpty
      ? ''
      : JSON.stringify([
          ...this.#rules.map(({ name, repositories, except, isEach }) => ({
            name,
            repositories: repositories.map(String),
            except: except.map(String),
            isEach,
          })),
          ...this.#counted.map(({ name, repositories }) => ({ name, repositories: String(repositories) })),
        ])
  }

  /** Under which names the content of a repository is counted: those of its quotas, and others. */
  countedAs(repository: RepositoryName): readonly string[] {
    const counted = this.#counted.filter(({ repositories }) => repositories.fits(repository))
    return [...this.of(repository), ...counted].map(({ name }) => name)
  }

  of(repository: RepositoryName): readonly Quota[] {
    return this.#rules.flatMap((rule) => {
      const glob = rule.repositories.find((pattern) => pattern.fits(repository))
      if (glob === undefined || rule.except.some((pattern) => pattern.fits(repository))) return []
      return [quotaOf(rule, rule.isEach ? `${rule.name}/${ownerIn(glob, repository)}` : rule.name)]
    })
  }

  /** Those that hold for all their repositories together. */
  get whole(): readonly Quota[] {
    return this.#rules.filter(({ isEach }) => !isEach).map((rule) => quotaOf(rule, rule.name))
  }

  /** The quota of that name; undefined when no rule has it any more. */
  named(name: string): Quota | undefined {
    const [ruleName = '', owner] = name.split('/', 2)
    const rule = this.#rules.find((candidate) => candidate.name === ruleName && candidate.isEach === (owner !== undefined))
    return rule && quotaOf(rule, name)
  }
}

function quotaOf({ limitBytes, warnBytes }: QuotaRule, name: string): Quota {
  return { name, limitBytes, warnBytes }
}

/** The part of the name that stands where the pattern has its first star. */
function ownerIn(glob: RepositoryGlob, repository: RepositoryName): string {
  const place = ownerPlace(glob)
  const owner = place === undefined ? undefined : repository.split('/')[place]
  if (owner === undefined) throw new Error(`the pattern ${glob.text} has no star for a name`)
  return owner
}

/** Which part of a name stands in place of the first star; undefined where it is none, or stands for several parts. */
export function ownerPlace(glob: RepositoryGlob): number | undefined {
  const place = glob.text.split('/').findIndex((part) => part.includes('*'))
  return place < 0 || glob.text.split('/')[place] === '**' ? undefined : place
}
