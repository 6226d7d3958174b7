import { z } from 'zod'

const text = z.string()
const time = z.iso.datetime().nullable()
const count = z.int().min(0)

/** What is answered about webhooks. Tests hold the answers against these. */
export const WEBHOOK_ANSWERS = {
  webhooks: z.strictObject({
    webhooks: z.array(
      z.strictObject({
        ...{ name: text, format: text, url: text, repositories: z.array(text), tag: text.nullable() },
        kinds: z.array(text).nullable().meta({ description: 'null: the usual ones of the format.' }),
        created: time,
        by: text.nullable().meta({ description: 'The caller that added it; null: a command did.' }),
        waiting: count.meta({ description: 'Events that wait for another try.' }),
        aside: count.meta({ description: 'Events that were tried often enough, and wait for a replay.' }),
        lost: count.meta({ description: 'Events that were removed before it had them.' }),
        failingSince: time.meta({ description: 'null: it takes events.' }),
        failure: text.nullable().meta({ description: 'What it answered last, when it takes none.' }),
      }),
    ),
    unreadable: z
      .array(text)
      .meta({ description: 'Names of those whose records cannot be read: remove them and add them anew.' }),
  }),
  added: z.strictObject({
    name: text,
    secret: text.meta({ description: 'Requests are signed with it. It is never shown again.' }),
  }),
  webhook: z.strictObject({ name: text }),
  tested: z.strictObject({
    name: text,
    taken: z.boolean(),
    answer: text.meta({ description: 'What the receiver answered, or why there was no answer.' }),
  }),
  deliveries: z.strictObject({
    deliveries: z.array(
      z.strictObject({
        event: text.meta({ description: 'The id of the event.' }),
        ...{ kind: text, about: text, state: z.enum(['waiting', 'aside', 'done']), attempts: count },
        ...{ answer: text.nullable(), tried: time, next: time },
      }),
    ),
  }),
  replayed: z.strictObject({ name: text, events: count.meta({ description: 'Events that are sent again.' }) }),
}
