import { z } from 'zod'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { bodyOf } from '../accounts/accounts.ts'
import { atMost, parametersIn } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import { timeOf } from '../shown.ts'
import type { WebhookRoute } from './routes.ts'
import { answered, webhooksOf } from './webhooks.ts'

const MOST_LISTED = 1_000
const USUALLY_LISTED = 100

export const DELIVERIES = z.strictObject({
  n: atMost(MOST_LISTED)
    .optional()
    .meta({ description: `How many; ${USUALLY_LISTED} when left out.` }),
  state: z.enum(['waiting', 'aside', 'done']).optional().meta({ description: 'Only these.' }),
})

export const REPLAY = z.union([
  z.strictObject({ from: z.iso.datetime().meta({ description: 'Everything from this moment on, as far as it is kept.' }) }),
  z.strictObject({ aside: z.literal(true).meta({ description: 'What was set aside.' }) }),
])

/** Sends something that never happened, once, and waits for what the receiver answers. */
export async function testApiWebhook(call: Call<WebhookRoute>): Promise<PlainResponse> {
  const webhooks = webhooksOf(call)
  const { webhook: name, query } = call.route
  parametersIn(query, NO_WORDS)
  const { isTaken, answer } = await answered(() => webhooks.test(name, call.request.signal))
  return jsonResponse({ name, taken: isTaken, answer })
}

/** The newest first. */
export async function listApiDeliveries(call: Call<WebhookRoute>): Promise<PlainResponse> {
  const webhooks = webhooksOf(call)
  const { webhook: name, query } = call.route
  const { n: limit = USUALLY_LISTED, state } = parametersIn(query, DELIVERIES)
  const found = await answered(() => webhooks.deliveries(name, { state, limit }))
  const deliveries = found.map(({ event, kind, about, state: now, attempts, triedMs, nextMs, answer }) => ({
    ...{ event, kind, about, state: now, attempts, answer, tried: timeOf(triedMs), next: timeOf(nextMs) },
  }))
  return jsonResponse({ deliveries })
}

export async function replayToWebhook(call: Call<WebhookRoute>): Promise<PlainResponse> {
  const webhooks = webhooksOf(call)
  const { webhook: name, query } = call.route
  parametersIn(query, NO_WORDS)
  const said = await bodyOf(call.request, REPLAY)
  const events = await answered(() =>
    'from' in said ? webhooks.replayFrom(name, Date.parse(said.from)) : webhooks.replayAside(name),
  )
  return jsonResponse({ name, events })
}
