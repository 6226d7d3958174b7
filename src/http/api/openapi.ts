import { z } from 'zod'
import { jsonTextResponse, type PlainResponse } from '../answer/responses.ts'
import { DELETION, LOOK } from './deletions.ts'
import { IMAGE, REPOSITORIES, TAGS } from './images.ts'
import { QUOTAS } from './quotas.ts'
import { RETENTION } from './retention.ts'
import { HISTORY, RESTORATION } from './tag-past.ts'
import { LIST, UNDELETION } from './undeletions.ts'

const text = z.string()
const count = z.int().min(0)
const time = z.iso.datetime()
const digest = text.meta({ example: `sha256:${'0'.repeat(64)}` })

const unreadable = count.meta({ description: 'Files among the records of deletions that are no records.' })

const created = time.nullable().meta({ description: 'When it was made, as its builder says.' })
const bytes = count.nullable().meta({ description: 'Of its config and its layers, each once; null for an image index.' })
const platforms = z.array(text).meta({ description: 'What it runs on.', example: ['linux/amd64'] })
const said = text.nullable()

/** What is answered. Tests hold the answers against these. */
export const ANSWERS = {
  preview: z.strictObject({
    tags: count.meta({ description: 'Tags that go.' }),
    manifests: count.meta({ description: 'Manifests that go.' }),
    released: count.meta({
      description: 'Manifests that go later with those: children, referrers, and what is attached by a tag.',
    }),
    leftUntagged: count.meta({ description: 'Manifests that lose their last tag, and stay.' }),
    unreadable: count.meta({ description: 'Revisions that cannot be read, and so stay.' }),
    kept: count.meta({ description: 'What a rule or a hold keeps.' }),
    bytes: count.meta({ description: 'Bytes that nothing else needs.' }),
    freedBy: time.optional().meta({ description: 'When they are free; left out where no collector runs.' }),
    namedBy: z.array(digest).meta({ description: 'Image indexes that name the manifest: its deletion needs force=true.' }),
    token: text.meta({ description: 'To be sent with the deletion.' }),
    goes: z.array(z.strictObject({ kind: z.enum(['tag', 'manifest', 'released']), tag: text.optional(), digest })),
    stays: z
      .array(z.strictObject({ reference: text, because: text }))
      .meta({ description: 'What a rule or a hold keeps, and why.' }),
    more: z.boolean().meta({ description: 'More goes or stays than is named.' }),
  }),
  deletion: z.strictObject({
    ...{ tags: count, manifests: count },
    changed: count.meta({ description: 'What was pushed or moved meanwhile, and stays.' }),
    kept: count.meta({ description: 'What the configuration or a hold keeps.' }),
  }),
  deleted: z.strictObject({
    deleted: z.array(
      z.strictObject({
        ...{
          id: text,
          at: time,
          until: time,
          by: text.nullable(),
          kind: z.enum(['tag', 'manifest']),
          digest,
          tags: z.array(text).meta({ description: 'The first hundred.' }),
          tagCount: count,
        },
      }),
    ),
    more: z.boolean(),
    unreadable,
  }),
  undeletion: z.strictObject({
    manifests: count.meta({ description: 'Manifests that are back.' }),
    restored: z.array(
      z.strictObject({ digest, tags: z.array(text), moved: z.array(z.strictObject({ tag: text, digest })) }).meta({
        description: '`moved`: tags that point elsewhere by now, and stay so.',
      }),
    ),
    gone: z.array(z.strictObject({ digest, missing: z.array(digest) })).meta({ description: 'What cannot be brought back.' }),
    more: z.boolean().meta({ description: 'More came back, or is gone, than is named.' }),
    unreadable,
  }),
  repositories: z.strictObject({
    repositories: z.array(z.strictObject({ name: text, description: text })),
    total: count.optional().meta({ description: 'How many a search has found, at most 1,000.' }),
    more: z.boolean(),
  }),
  tags: z.strictObject({
    tags: z.array(
      z.strictObject({
        ...{ name: text, digest, mediaType: said, created, bytes, platforms },
        moved: z
          .strictObject({ at: time, by: said, how: said })
          .nullable()
          .meta({ description: 'What moved it to where it points; null where that is not known.' }),
      }),
    ),
    more: z.boolean(),
  }),
  image: z.strictObject({
    ...{ digest, mediaType: text, manifestBytes: count },
    facts: z
      .strictObject({
        ...{ created, bytes, platforms, title: said, description: said, source: said, version: said },
        ...{ baseName: said, baseDigest: said },
        firstImage: said.meta({ description: 'Of an image index: the digest of its first image.' }),
        config: z
          .strictObject({
            ...{ user: text, workingDirectory: text, entrypoint: z.array(text), command: z.array(text), ports: z.array(text) },
            environment: z.array(text).meta({ description: 'Names alone: values may be secrets.' }),
            labels: z.record(text, text),
            history: z.array(z.strictObject({ created, by: text, comment: text, isEmpty: z.boolean() })),
          })
          .nullable(),
      })
      .nullable()
      .meta({ description: 'Null where they have not been read yet.' }),
  }),
  history: z.strictObject({
    moves: z.array(
      z.strictObject({
        at: time,
        by: text.nullable().meta({ description: 'Who moved it; null where that is not known.' }),
        how: text.nullable().meta({ description: 'What moved it; null where only the storage tells of it.' }),
        digest: digest.nullable().meta({ description: 'Where to; null: it was deleted.' }),
        state: z.enum(['there', 'deleted', 'gone']).meta({ description: 'Of that manifest; deleted: it can be brought back.' }),
        until: time.nullable().meta({ description: 'Until when it can be brought back.' }),
      }),
    ),
    more: z.boolean().meta({ description: 'There may be older moves.' }),
    unreadable: count.meta({ description: 'Files among the records that are no records.' }),
  }),
  restoration: z.strictObject({ tag: text, digest }),
  quotas: z.strictObject({
    quotas: z.array(
      z.strictObject({
        name: text,
        used: count.meta({ description: 'Bytes.' }),
        limit: count.nullable().meta({ description: 'Bytes above which pushes are refused; null: there is no such limit.' }),
        warn: count.nullable().meta({ description: 'Bytes above which pushes are warned.' }),
      }),
    ),
    counted: z.boolean().meta({ description: 'false: not everything has been counted yet.' }),
  }),
  retention: z.strictObject({
    tags: z.strictObject({ go: count, stay: count }).meta({ description: 'How many tags would go, and stay.' }),
    untagged: z.strictObject({ go: count, stay: count }).meta({ description: 'The same of manifests without a tag.' }),
    dryRun: z.boolean().meta({ description: 'true: the rules are only shown, and nothing goes.' }),
    contents: z.array(
      z.strictObject({
        tag: text.nullable().meta({ description: 'null: a manifest without a tag.' }),
        digest,
        goes: z.boolean(),
        reason: text.meta({ description: 'A word or two, for a program.' }),
        because: text.meta({ description: 'To be read after stays: or goes:.' }),
      }),
    ),
    next: text.nullable().meta({ description: 'To be sent as last; null: this was all.' }),
  }),
  errors: z.strictObject({
    errors: z.array(z.strictObject({ code: text, message: text, detail: z.unknown().optional() })),
  }),
}

interface Operation {
  readonly summary: string
  readonly parameters: z.ZodType
  readonly answer: z.ZodType
  /** Statuses that its errors have, beside 400, 401, 403 and 503. */
  readonly errors: readonly number[]
}

const LISTED = '/api/v1/repositories'
const REPOSITORY = `${LISTED}/{name}`
const OPERATIONS: Readonly<Record<string, Readonly<Partial<Record<'get' | 'post', Operation>>>>> = {
  [LISTED]: {
    get: {
      summary: 'Repositories that the caller may list, by name or as a search finds them.',
      ...{ parameters: REPOSITORIES, answer: ANSWERS.repositories, errors: [] },
    },
  },
  [`${REPOSITORY}/tags`]: {
    get: {
      summary: 'Tags by name, with what is known of their images.',
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
