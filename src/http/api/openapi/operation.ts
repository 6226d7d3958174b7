import { z } from 'zod'

/** One method of one path, as openapi.json describes it: from the schemas that check its requests. */
export interface Operation {
  readonly summary: string
  readonly parameters: z.ZodType
  /** What is sent as JSON; left out: nothing. */
  readonly body?: z.ZodType
  readonly answer: z.ZodType
  /** The answer is a stream of server-sent events, each with such data; left out, it is JSON. */
  readonly isStream?: true
  /** The answer is the bytes of a file; left out, it is JSON. */
  readonly isFile?: true
  /** Of a request that succeeds; 200 when left out. */
  readonly status?: number
  /** Statuses that its errors have, beside 400, 401, 403 and 503. */
  readonly errors: readonly number[]
  /** A request that succeeds, with the names of `PATH_EXAMPLES`. Tests send it. */
  readonly example: { readonly query?: Readonly<Record<string, string>>; readonly body?: unknown }
}

export type Method = 'get' | 'post' | 'put' | 'delete'
export type Operations = Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>>

/** The parts of paths that are names. */
export const PATH_PARTS: Readonly<Record<string, { readonly example: string; readonly description: string }>> = {
  name: { example: 'team/app', description: 'The repository, its slashes as they are.' },
  user: { example: 'bob', description: 'A user.' },
  group: { example: 'developers', description: 'A group.' },
  host: { example: 'web-1', description: 'A Docker host, as its agent calls it.' },
  webhook: { example: 'ci', description: 'A webhook.' },
  robot: { example: 'alice.ci', description: 'A robot.' },
}

export function schemaOf(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest
}
