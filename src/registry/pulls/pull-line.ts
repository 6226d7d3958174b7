import type { RecordedDay } from '../../metadata/pulls/records.ts'
import { findDigest } from '../../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { findTag } from '../../oci/reference.ts'

/** What one line of a record says. */
export interface PullLine {
  readonly repository: RepositoryName
  /** All pulls of the repository; 0 in a line about days. */
  readonly total: number
  readonly days: readonly RecordedDay[]
}

/** The first line about a repository. */
export function totalLine({ name, total }: { readonly name: RepositoryName; readonly total: number }): string {
  return JSON.stringify({ repository: name, total })
}

/** A line for each tag and each digest, and for the repository: the day since 1970, how often, and when last. */
export function linesOfDays(repository: RepositoryName, days: readonly RecordedDay[]): readonly string[] {
  return [...Map.groupBy(days, ({ reference }) => reference)].map(([reference, those]) =>
    JSON.stringify({ repository, reference, days: those.map(({ day, count, lastMs }) => [day, count, lastMs]) }),
  )
}

/** Undefined for a line that is none: a file may be damaged, or a later Berth may have written it. */
export function findPullLine(line: string): PullLine | undefined {
  const fields = fieldsIn(line)
  const repository = findRepositoryName(typeof fields?.repository === 'string' ? fields.repository : '')
  if (fields === undefined || repository === undefined) return undefined
  if (isCount(fields.total)) return { repository, total: fields.total, days: [] }
  const { reference, days } = fields
  if (typeof reference !== 'string' || !isReference(reference) || !Array.isArray(days)) return undefined
  const found = days.flatMap((day: unknown) => {
    const [number, count, lastMs] = Array.isArray(day) ? (day as unknown[]) : []
    return isCount(number) && isCount(count) && isCount(lastMs) ? [{ reference, day: number, count, lastMs }] : []
  })
  return { repository, total: 0, days: found }
}

function isReference(text: string): boolean {
  return text === '' || findTag(text) !== undefined || findDigest(text) !== undefined
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
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
