import { z } from 'zod'
import { jsonTextResponse, type PlainResponse } from '../answer/responses.ts'
import { ACTIVITY } from './activity.ts'
import { ANSWERS } from './answers.ts'
import { DELETION, LOOK } from './deletions.ts'
import { IMAGE, REPOSITORIES, TAGS } from './images.ts'
import { QUOTAS } from './quotas.ts'
import { DESCRIPTION, NO_WORDS } from './remarks.ts'
import { COMPARISON, STORAGE } from './repository.ts'
import { RETENTION } from './retention.ts'
import { HISTORY, RESTORATION } from './tag-past.ts'
import { LIST, UNDELETION } from './undeletions.ts'

interface Operation {
  readonly summary: string
  readonly parameters: z.ZodType
  readonly answer: z.ZodType
  /** Statuses that its errors have, beside 400, 401, 403 and 503. */
  readonly errors: readonly number[]
}

const LISTED = '/api/v1/repositories'
const ACTIVITY_PATH = '/api/v1/activity'
const REPOSITORY = `${LISTED}/{name}`
const OPERATIONS: Readonly<Record<string, Readonly<Partial<Record<'get' | 'post' | 'put' | 'delete', Operation>>>>> = {
  [LISTED]: {
    get: {
      summary: 'Repositories that the caller may list, by name or as a search finds them.',
      ...{ parameters: REPOSITORIES, answer: ANSWERS.repositories, errors: [] },
    },
  },
  [ACTIVITY_PATH]: {
    get: {
      summary: 'The newest moves and deletions of tags in the repositories that the caller may list.',
      ...{ parameters: ACTIVITY, answer: ANSWERS.activity, errors: [] },
    },
  },
  [REPOSITORY]: {
    get: {
      summary: 'One repository. Where its name ends in a word of these paths: /repository behind it.',
      ...{ parameters: NO_WORDS, answer: ANSWERS.repository, errors: [404] },
    },
  },
  [`${REPOSITORY}/star`]: {
    put: { summary: 'Gives the star of the caller.', parameters: NO_WORDS, answer: ANSWERS.star, errors: [404, 405] },
    delete: { summary: 'Takes it back.', parameters: NO_WORDS, answer: ANSWERS.star, errors: [404, 405] },
  },
  [`${REPOSITORY}/description`]: {
    put: {
      summary: 'Describes the repository by hand.',
      ...{ parameters: DESCRIPTION, answer: ANSWERS.description, errors: [404, 405] },
    },
    delete: {
      summary: 'Its newest image describes it again.',
      ...{ parameters: NO_WORDS, answer: ANSWERS.description, errors: [404, 405] },
    },
  },
  [`${REPOSITORY}/storage`]: {
    get: {
      summary:
        'How many bytes an image needs, or with n each tag, or all of the repository; and how many of these nothing else needs.',
      ...{ parameters: STORAGE, answer: z.union([ANSWERS.storage, ANSWERS.storageOfTags]), errors: [404] },
    },
  },
  [`${REPOSITORY}/compare`]: {
    get: {
      summary: 'Two images: the layers that both have, and what their configs say differently.',
      ...{ parameters: COMPARISON, answer: ANSWERS.comparison, errors: [404, 405] },
    },
  },
  [`${REPOSITORY}/tags`]: {
    get: {
      summary: 'Tags, sorted, with what is known of their images.',
      ...{ parameters: TAGS, answer: ANSWERS.tags, errors: [404] },
    },
  },
  [`${REPOSITORY}/image`]: {
    get: {
      summary: 'All that is known of one image: of a tag, or by its digest.',
      ...{ parameters: IMAGE, answer: ANSWERS.image, errors: [404] },
    },
  },
  [`${REPOSITORY}/deletion`]: {
    get: {
      summary: 'What a deletion would take, what that frees and when. Changes nothing.',
      ...{ parameters: LOOK, answer: ANSWERS.preview, errors: [404, 405] },
    },
    post: {
      summary: 'Deletes what a look has shown, and nothing else.',
      ...{ parameters: DELETION, answer: ANSWERS.deletion, errors: [404, 405, 409] },
    },
  },
  [`${REPOSITORY}/deleted`]: {
    get: {
      summary: 'What was deleted and can still be brought back, the newest first.',
      ...{ parameters: LIST, answer: ANSWERS.deleted, errors: [405] },
    },
  },
  [`${REPOSITORY}/undelete`]: {
    post: {
      summary: 'Brings back what was deleted: one deletion, the last one of a tag or of a manifest, or all of the repository.',
      ...{ parameters: UNDELETION, answer: ANSWERS.undeletion, errors: [404, 405, 409] },
    },
  },
  [`${REPOSITORY}/history`]: {
    get: {
      summary: 'How a tag moved, the newest move first.',
      ...{ parameters: HISTORY, answer: ANSWERS.history, errors: [405] },
    },
  },
  [`${REPOSITORY}/restore`]: {
    post: {
      summary: 'Points a tag to what it pointed to before.',
      ...{ parameters: RESTORATION, answer: ANSWERS.restoration, errors: [404, 405, 409] },
    },
  },
  [`${REPOSITORY}/quotas`]: {
    get: {
      summary: 'The quotas that hold for the repository, with their use.',
      ...{ parameters: QUOTAS, answer: ANSWERS.quotas, errors: [405] },
    },
  },
  [`${REPOSITORY}/retention`]: {
    get: {
      summary: 'What the rules for tags do in the repository, and why. Changes nothing.',
      ...{ parameters: RETENTION, answer: ANSWERS.retention, errors: [404, 405] },
    },
  },
}

/** `GET /api/v1/openapi.json`: the API, from the schemas that check its requests. */
export function getOpenApi(): PlainResponse {
  document ??= JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Berth', version: '1' },
    security: [{}, { basic: [] }, { bearer: [] }],
    components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' }, bearer: { type: 'http', scheme: 'bearer' } } },
    paths: Object.fromEntries(Object.entries(OPERATIONS).map(([path, methods]) => [path, pathItemOf(path, methods)])),
  })
  return jsonTextResponse(document)
}

let document: string | undefined

const NAME = {
  ...{ name: 'name', in: 'path', required: true, schema: { type: 'string' }, example: 'team/app' },
  description: 'The repository, its slashes as they are.',
}

function pathItemOf(path: string, methods: Readonly<Partial<Record<string, Operation>>>) {
  const operations = Object.entries(methods).flatMap(([method, operation]) =>
    operation === undefined ? [] : [[method, operationOf(operation)] as const],
  )
  return { ...(path.includes('{name}') ? { parameters: [NAME] } : {}), ...Object.fromEntries(operations) }
}

function operationOf({ summary, parameters, answer, errors }: Operation) {
  const refusals = [400, 401, 403, ...errors, 503].map((status) => [status, answerOf('An error.', ANSWERS.errors)] as const)
  return {
    summary,
    parameters: parametersOf(parameters),
    responses: { 200: answerOf('Done.', answer), ...Object.fromEntries(refusals) },
  }
}

function answerOf(description: string, schema: z.ZodType) {
  return { description, content: { 'application/json': { schema: schemaOf(schema) } } }
}

function parametersOf(schema: z.ZodType) {
  const { properties = {}, required = [] } = schemaOf(schema)
  return Object.entries(properties).map(([name, property]) => ({
    ...{ name, in: 'query', required: required.includes(name), schema: property },
  }))
}

function schemaOf(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest
}
