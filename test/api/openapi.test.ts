import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { z } from 'zod'
import { ApiLab } from '../support/api-lab.ts'
import { makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'

setDefaultTimeout(120_000)

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required: boolean
  readonly example?: string
}

interface Described {
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly example: unknown } } }
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>>
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>> & { readonly parameters?: readonly Parameter[] }>>
}

interface Operation extends Described {
  readonly method: string
  readonly path: string
}

let lab: ApiLab
let document: Document

beforeAll(async () => {
  lab = await ApiLab.start()
  await lab.push(makeImage('before'), 'v2', 'team/app')
  for (const tag of ['v1', 'v2', 'pr-1', 'pr-2']) await lab.push(makeImage(tag), tag, 'team/app')
  document = (await (await lab.ask('alice', 'GET', '/api/v1/openapi.json')).json()) as Document
})
afterAll(() => lab[Symbol.asyncDispose]())

function operations(): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, { parameters: names = [], ...methods }]) =>
    Object.entries(methods).map(([method, described]) => ({
      ...described,
      ...{ method, path, parameters: [...names, ...described.parameters] },
    })),
  )
}

/** The path of the example, with its query. `token`: what a look before has answered, which no document can know. */
function addressOf({ path, parameters }: Operation, token: string): string {
  const shown = parameters.filter(({ example }) => example !== undefined)
  const value = ({ name, example = '' }: Parameter) => (name === 'token' ? token : example)
  const filled = shown.reduce((text, each) => text.replace(`{${each.name}}`, each.example ?? ''), path)
  const query = shown.filter((each) => each.in === 'query').map((each) => [each.name, value(each)] as [string, string])
  return query.length === 0 ? filled : `${filled}?${new URLSearchParams(query)}`
}

test('every example is a request that succeeds, with an answer as its schema has it, one after another', async () => {
  let token = ''
  const sent: string[] = []
  for (const operation of operations()) {
    const { method, responses, requestBody } = operation
    const [status = '', { content } = { content: undefined }] =
      Object.entries(responses).find(([code]) => code.startsWith('2')) ?? []
    const body = requestBody?.content['application/json'].example
    const address = addressOf(operation, token)

    const response = await expectStatus(await lab.ask('alice', method.toUpperCase(), address, body), Number(status))
    sent.push(`${method} ${address}`)
    if (content?.['application/octet-stream'] !== undefined) {
      expect(response.headers.get('content-type')).toBe('application/octet-stream')
      await response.body?.cancel()
      continue
    }
    if (content?.['text/event-stream'] !== undefined) {
      expect(response.headers.get('content-type')).toBe('text/event-stream')
      await response.body?.cancel()
      continue
    }
    const answer: unknown = await response.json()

    z.fromJSONSchema(content?.['application/json']?.schema as never).parse(answer)
    token = (answer as { token?: string }).token ?? token
  }
  expect(sent).toContain('get /api/v1/repositories/team/app/compare?from=v1&to=v2&platform=linux%2Famd64')
  expect(sent.length).toBe(new Set(sent).size)
})

test('what is required has an example, and each parameter is of a path or of its query', () => {
  expect(document.openapi).toBe('3.1.0')
  for (const { method, path, parameters } of operations()) {
    const without = parameters.filter(({ required, example }) => required && example === undefined)
    expect([method, path, without]).toEqual([method, path, []])
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
    expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).toEqual(named)
  }
})

test('nothing else is called an example: what no test sends may be wrong', () => {
  const found: string[] = []
  const look = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, part] of Object.entries(value)) {
      if (key === 'example' || key === 'examples') found.push(path)
      look(part, `${path}/${key}`)
    }
  }

  look(document, '')

  expect(found.filter((path) => !/\/(parameters\/\d+|requestBody\/content\/application\/json)$/.test(path))).toEqual([])
})
