import { NO_WORDS } from '../remarks.ts'
import { WEBHOOK_ANSWERS } from '../webhooks/answers.ts'
import { DELIVERIES, REPLAY } from '../webhooks/deliveries.ts'
import { CHANGED_WEBHOOK, NEW_WEBHOOK } from '../webhooks/webhooks.ts'
import type { Operations } from './operation.ts'

const NOTHING = { parameters: NO_WORDS, example: {} }
const WEBHOOKS = '/api/v1/webhooks'
const NEW = { name: 'ci', url: 'https://ci.example.com/berth', repositories: ['team/**'], kinds: ['manifest.push', 'tag.move'] }

/** What is about webhooks. */
export const WEBHOOK_OPERATIONS: Operations = {
  [WEBHOOKS]: {
    get: {
      summary: 'The webhooks, and how each takes events. For admins.',
      ...{ ...NOTHING, answer: WEBHOOK_ANSWERS.webhooks, errors: [405] },
    },
    post: {
      summary:
        'Adds a webhook. The secret that its requests are signed with is in this answer, and never shown again. For admins.',
      ...{ parameters: NO_WORDS, body: NEW_WEBHOOK, example: { body: NEW } },
      ...{ answer: WEBHOOK_ANSWERS.added, status: 201, errors: [405, 409] },
    },
  },
  [`${WEBHOOKS}/{webhook}/test`]: {
    post: {
      summary: 'Sends an event that never happened, and answers what the receiver does. For admins.',
      ...{ ...NOTHING, answer: WEBHOOK_ANSWERS.tested, errors: [404, 405] },
    },
  },
  [`${WEBHOOKS}/{webhook}/deliveries`]: {
    get: {
      summary: 'What was sent, what waits for its next try, and what was set aside; the newest first. For admins.',
      ...{ parameters: DELIVERIES, example: { query: { n: '10', state: 'aside' } } },
      ...{ answer: WEBHOOK_ANSWERS.deliveries, errors: [404, 405] },
    },
  },
  [`${WEBHOOKS}/{webhook}/replay`]: {
    post: {
      summary: 'Sends events again: from a moment on, or what was set aside. For admins.',
      ...{ parameters: NO_WORDS, body: REPLAY, example: { body: { aside: true } } },
      ...{ answer: WEBHOOK_ANSWERS.replayed, errors: [404, 405] },
    },
  },
  // Last: the examples of the others find it there.
  [`${WEBHOOKS}/{webhook}`]: {
    put: {
      summary: 'Changes what the body names, and leaves the rest as it is. For admins.',
      ...{ parameters: NO_WORDS, body: CHANGED_WEBHOOK, example: { body: { tag: 'v*' } } },
      ...{ answer: WEBHOOK_ANSWERS.webhook, errors: [404, 405] },
    },
    delete: {
      summary: 'Removes a webhook, with what waits for it. For admins.',
      ...{ ...NOTHING, answer: WEBHOOK_ANSWERS.webhook, errors: [404, 405] },
    },
  },
}
