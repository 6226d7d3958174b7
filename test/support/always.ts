import type { PlainResponse } from '../../src/http/answer/responses.ts'
import type { Asked, Find } from '../../src/http/pipeline.ts'

/** What answers every request in the same way, whatever it asks for and whoever its caller is. */
export function always(answer: (asked: Asked) => PlainResponse | Promise<PlainResponse>): Find {
  return (asked) => ({
    handler: 'base',
    identify: async () => ({ caller: undefined, answer: async () => await answer(asked) }),
  })
}
