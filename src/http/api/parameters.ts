import { z } from 'zod'
import { findDigest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { findTag } from '../../oci/reference.ts'
import { GLOB_RULE, RepositoryGlob } from '../../oci/repository-glob.ts'
import { TAG_GLOB_RULE, TagGlob } from '../../oci/tag-glob.ts'
import { findRecordId } from '../../registry/records/deleted-record.ts'
import { findSpanMs } from '../../runtime/duration.ts'

/** The types of parameters, as `/api/v1/openapi.json` tells of them as well. */
export const tag = parsed(findTag, 'can be no tag').meta({ description: 'A tag.' })
export const digest = parsed(findDigest, 'is no digest').meta({ description: 'The digest of a manifest.' })
export const repositories = parsed(RepositoryGlob.find, GLOB_RULE).meta({
  description: 'A pattern of repositories: `*` stands for letters of one part, `**` for any parts.',
})
export const tags = parsed(TagGlob.find, TAG_GLOB_RULE).meta({
  description: 'A pattern of tags, in which `*` stands for any letters.',
})
export const age = parsed(findSpanMs, 'is no age: a number of days or a duration, as in 14d').meta({
  description: 'Of the tags only those that were last pushed so long ago, as in 14d.',
})
export const reference = parsed((text) => findTag(text) ?? findDigest(text), 'is neither a tag nor a digest')
export const recordId = parsed(findRecordId, 'is no id of a deletion').meta({ description: 'The id of a deletion.' })
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

/** A whole number from 1 on. */
export function atMost(most: number) {
  return z
    .string()
    .regex(/^[1-9]\d{0,5}$/, 'is no whole number of 1 or more')
    .transform(Number)
    .refine((number) => number <= most, `is more than ${most}`)
}

/** At most one of these: none means all of the repository. */
export function atMostOne<Shape extends z.ZodObject>(shape: Shape, ...names: readonly string[]) {
  return shape.refine((value) => names.filter((name) => (value as Record<string, unknown>)[name] !== undefined).length <= 1, {
    message: `at most one of ${names.join(', ')} says what is meant`,
  })
}

/** Throws PARAMETER_INVALID with a sentence for the first that is wrong, unknown or there twice. */
export function parametersIn<Schema extends z.ZodType>(query: URLSearchParams, schema: Schema): z.output<Schema> {
  const names = [...query.keys()]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw invalid(`${quoted(twice)} is there twice`)
  const parsed = schema.safeParse(Object.fromEntries(query))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  if (issue?.code === 'unrecognized_keys') throw invalid(`${quoted(issue.keys[0] ?? '')} is none of this path`)
  const [name] = issue?.path ?? []
  throw invalid(name === undefined ? (issue?.message ?? 'they do not fit together') : `${String(name)}: ${issue?.message}`)
}

export function parsed<Value>(find: (text: string) => Value | undefined, rule: string) {
  return z.string().transform((text, context) => {
    const value = find(text)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: `${quoted(text)} ${rule}` })
    return z.NEVER
  })
}

/** `what`: to be read after 'The parameters are not valid:'. */
export function invalid(what: string): RegistryError {
  return new RegistryError('PARAMETER_INVALID', { message: `The parameters are not valid: ${what}; see /api/v1/openapi.json.` })
}

/** Values with commas between them; a comma at the end of the text, or two side by side, is a mistake. */
export function listOf<Value>(find: (text: string) => Value | undefined, rule: string) {
  return z
    .string()
    .max(MOST_LISTED_CHARACTERS)
    .transform((text, context) => {
      const values: Value[] = []
      for (const part of text.split(',')) {
        const value = find(part)
        if (value === undefined) context.addIssue({ code: 'custom', message: `${quoted(part)} ${rule}` })
        else values.push(value)
      }
      return values
    })
}

const MOST_LISTED_CHARACTERS = 2_000

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200))
}
