import type { TagMove } from '../../metadata/history/moves.ts'
import { type Digest, findDigest } from '../../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { findTag, type Tag } from '../../oci/reference.ts'

/** A move of a tag, as the storage has it. */
export interface RecordedMove {
  readonly atMs: number
  /** Undefined where that is not known. */
  readonly by: string | undefined
  readonly repository: RepositoryName
  readonly tag: Tag
  /** Undefined: the tag was deleted. */
  readonly digest: Digest | undefined
  /** Undefined: there was no such tag, or it is not known what it pointed to. */
  readonly before: Digest | undefined
  /** Undefined: known from the storage alone, as what registry:2 pushed, and a push that the records lost. */
  readonly how: string | undefined
}

/** One line of JSON. The same move always gives the same line. */
export function lineOf({ atMs, by, repository, tag, digest, before, how }: TagMove): string {
  return JSON.stringify({ at: new Date(atMs).toISOString(), by, repository, tag, digest, before, how })
}

/** What a line says about its repository, without taking it apart; undefined for a line that `lineOf` has not written. */
export function findRepositoryIn(line: string): RepositoryName | undefined {
  const start = line.indexOf(NAME_BEGINS)
  if (start < 0) return undefined
  const name = line.slice(start + NAME_BEGINS.length, line.indexOf('"', start + NAME_BEGINS.length))
  return findRepositoryName(name)
}

const NAME_BEGINS = '"repository":"'

/** Undefined for a line that is none: a file may be damaged. */
export function findMove(line: string): RecordedMove | undefined {
  const fields = fieldsIn(line)
  const text = (name: string) => (typeof fields?.[name] === 'string' ? fields[name] : undefined)
  const atMs = Date.parse(text('at') ?? '')
  const repository = findRepositoryName(text('repository') ?? '')
  const tag = findTag(text('tag') ?? '')
  const [digest, before] = ['digest', 'before'].map((name) => findDigest(text(name) ?? ''))
  if (repository === undefined || tag === undefined || Number.isNaN(atMs)) return undefined
  if (digest === undefined && fields?.digest !== null) return undefined
  return { atMs, by: text('by'), repository, tag, digest, before, how: text('how') ?? '' }
}

function fieldsIn(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
