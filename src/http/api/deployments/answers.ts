import { z } from 'zod'

const text = z.string()
const time = z.iso.datetime()
const digest = text.meta({ description: 'As in sha256:…' })
const said = text.nullable()

/** What is answered about what runs where. Tests hold the answers against these. */
export const DEPLOYMENT_ANSWERS = {
  deployments: z.strictObject({
    deployments: z.array(
      z.strictObject({
        ...{ host: text, container: text, repository: text, tag: said, digest, state: text },
        since: time.nullable().meta({ description: 'When the container was started.' }),
        wanted: digest.nullable().meta({ description: 'What is to run and does not.' }),
        problem: said.meta({ description: 'Why, in a sentence.' }),
        seen: time.nullable().meta({ description: 'The last report of the host; null: not known.' }),
      }),
    ),
    next: said,
  }),
  reported: z.strictObject({ host: text, containers: z.int().min(0) }),
  forgotten: z.strictObject({ host: text }),
}
