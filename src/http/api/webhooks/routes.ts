import { isWebhookName } from '../../../registry/webhooks/webhook.ts'
import { invalid } from '../parameters.ts'

export type WebhooksRoute = WebhookListRoute | WebhookRoute

/** `/api/v1/webhooks` */
export interface WebhookListRoute {
  readonly resource: 'api-webhooks'
  readonly query: URLSearchParams
}

/** `/api/v1/webhooks/<name>`, and `/test`, `/deliveries` and `/replay` below it */
export interface WebhookRoute {
  readonly resource: 'api-webhook' | 'api-webhook-test' | 'api-webhook-deliveries' | 'api-webhook-replay'
  readonly webhook: string
  readonly query: URLSearchParams
}

const PARTS: Readonly<Record<string, WebhookRoute['resource']>> = {
  '': 'api-webhook',
  test: 'api-webhook-test',
  deliveries: 'api-webhook-deliveries',
  replay: 'api-webhook-replay',
}

/** `segments`: what follows `/api/v1/webhooks`. Throws PARAMETER_INVALID for a name that no webhook can have. */
export function findWebhooksRoute(segments: readonly string[], query: URLSearchParams): WebhooksRoute | undefined {
  const [name, ...parts] = segments
  if (name === undefined) return { resource: 'api-webhooks', query }
  const part = parts.join('/')
  const resource = Object.hasOwn(PARTS, part) ? PARTS[part] : undefined
  if (resource === undefined || segments.at(-1) === '') return undefined
  if (!isWebhookName(name)) throw invalid(`${JSON.stringify(name.slice(0, 100))} is no name of a webhook`)
  return { resource, webhook: name, query }
}
