import type { z } from 'zod'
import { jsonTextResponse, type PlainResponse } from '../../answer/responses.ts'
import { SESSION_COOKIE } from '../../page/session-cookie.ts'
import { ANSWERS } from '../answers.ts'
import { ACCOUNT_OPERATIONS } from './account-operations.ts'
import { CONTENT_OPERATIONS } from './content-operations.ts'
import { type Operation, type Operations, PATH_PARTS, schemaOf } from './operation.ts'
import { WEBHOOK_OPERATIONS } from './webhook-operations.ts'

const OPERATIONS: Operations = { ...CONTENT_OPERATIONS, ...ACCOUNT_OPERATIONS, ...WEBHOOK_OPERATIONS }

/** `GET /api/v1/openapi.json`: the API, from the schemas that check its requests. */
export function getOpenApi(): PlainResponse {
  document ??= JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Berth', version: '1' },
    security: [{}, { basic: [] }, { bearer: [] }, { session: [] }],
    components: {
      securitySchemes: {
        ...{ basic: { type: 'http', scheme: 'basic' }, bearer: { type: 'http', scheme: 'bearer' } },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: SESSION_COOKIE,
          description: 'Of the page, for requests from the page alone.',
        },
      },
    },
    paths: Object.fromEntries(Object.entries(OPERATIONS).map(([path, methods]) => [path, pathItemOf(path, methods)])),
  })
  return jsonTextResponse(document)
}

let document: string | undefined

function pathItemOf(path: string, methods: Readonly<Partial<Record<string, Operation>>>) {
  const operations = Object.entries(methods).flatMap(([method, operation]) =>
    operation === undefined ? [] : [[method, operationOf(operation)] as const],
  )
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' }, ...PATH_PARTS[name] },
  }))
  return { ...(names.length > 0 ? { parameters: names } : {}), ...Object.fromEntries(operations) }
}

function operationOf({ summary, parameters, body, answer, isStream, isFile, status = 200, errors, example }: Operation) {
  const refusals = [400, 401, 403, ...errors, 503].map((code) => [code, answerOf('An error.', ANSWERS.errors)] as const)
  return {
    summary,
    parameters: parametersOf(parameters, example.query ?? {}),
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body), example: example.body } } },
    }),
    responses: {
      [status]: answerOf('Done.', answer, typeOf(isStream, isFile)),
      ...Object.fromEntries(refusals),
    },
  }
}

function typeOf(isStream: true | undefined, isFile: true | undefined): string {
  if (isStream) return 'text/event-stream'
  return isFile ? 'application/octet-stream' : JSON_TYPE
}

const JSON_TYPE = 'application/json'

function answerOf(description: string, schema: z.ZodType, mediaType = JSON_TYPE) {
  return { description, content: { [mediaType]: { schema: schemaOf(schema) } } }
}

function parametersOf(schema: z.ZodType, examples: Readonly<Record<string, string>>) {
  const { properties = {}, required = [] } = schemaOf(schema)
  return Object.entries(properties).map(([name, property]) => ({
    ...{ name, in: 'query', required: required.includes(name), schema: property },
    ...(examples[name] === undefined ? {} : { example: examples[name] }),
  }))
}
