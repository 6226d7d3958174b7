import type { PlainResponse } from '../../src/http/answer/responses.ts'
import type { Find, IncomingRequest } from '../../src/http/pipeline.ts'

/** What answers every request in the same way, whatever it asks for and whoever its caller is. */
export function always(answer: (asked: IncomingRequest) => PlainResponse | Promise<PlainResponse>): Find {
  return (asked) => ({
    handler: 'base',
    identify: async () => ({ caller: undefined, answer: async () => await answer(asked) }),
  })
}
