import { GLOB_RULE, RepositoryGlob } from '../../oci/repository-glob.ts'
import { findTagPattern, TAG_PATTERN_RULE, TagSelection } from '../../oci/tags/tag-selection.ts'
import { RateLimit } from '../../upstream/carrying/rate-limit.ts'
import { Retries } from '../../upstream/carrying/retries.ts'
import { ImageError } from '../image-error.ts'
import type { Registries } from '../registry/registries.ts'
import { hubRepositories } from './hub-repositories.ts'
import { type ImportReport, ImportRun } from './import-run.ts'
import { type ImportSource, repositoryNames } from './import-source.ts'

/** Where an import comes from, with what this user has for it, and where it goes. */
export interface ImportPlaces {
  readonly from: ImportSource
  readonly there: Registries
  readonly to: ImportSource
  readonly here: Registries
}

export interface ImportWishes {
  /** Patterns for names there; none: all. */
  readonly repositories: readonly string[]
  /** Patterns for tags; none: all. */
  readonly tags: readonly string[]
  readonly bytesPerSecond: number | undefined
  /** Tags that are here with other images move. */
  readonly moves: boolean
  readonly isDry: boolean
}

/** What is wrong with the words of a command is said before anything is asked. Throws ImageError. */
export function parseImport({ bytesPerSecond, ...wishes }: ImportWishes) {
  return {
    ...wishes,
    patterns: wishes.repositories.map((text) => parsed(text, RepositoryGlob.find(text), GLOB_RULE)),
    tags: new TagSelection(wishes.tags.map((text) => parsed(text, findTagPattern(text), TAG_PATTERN_RULE))),
    rate: bytesPerSecond === undefined ? undefined : new RateLimit({ bytesPerSecond }),
  }
}

/** Does what is wished. Throws ImageError and RegistryError where it cannot go on. */
export async function importRegistry(
  { from, there, to, here }: ImportPlaces,
  { patterns, ...wishes }: ReturnType<typeof parseImport>,
  { report, signal }: { readonly report: ImportReport; readonly signal: AbortSignal },
): Promise<void> {
  const source = await there.puller(from.registry)
  const target = await here.target(to.registry, [])
  const onWait = (failure: Error, ms: number) => report.onWait(failure.message, ms)
  const [sourceRetries, targetRetries] = [new Retries({ onWait }), new Retries({ onWait })]
  const repositories = repositoryNames({ source, from, patterns, retries: sourceRetries, listHub: hubRepositories, signal })
  const prefix = to.below ?? ''
  await new ImportRun({ ...wishes, source, target, repositories, prefix, sourceRetries, targetRetries, report, signal }).run()
}

function parsed<Value>(text: string, value: Value | undefined, rule: string): Value {
  if (value === undefined) throw new ImageError(`${JSON.stringify(text)} ${rule}`)
  return value
}
