import type { Config } from '../../src/config/config.ts'

type Notifications = NonNullable<Config['notifications']>
type Endpoint = Notifications['endpoints'][number]

const ENDPOINT = { name: 'a', url: 'http://a/' }
const MEDIA_TYPES = ['text/plain']

/** The keys below `notifications` and `events`, with what stands around each, and what becomes of it. */
export const NOTIFICATION_ROWS = [
  ['notifications.endpoints', { notifications: { endpoints: [] } }, endpointsOf, []],
  endpointRow('name', { name: 'b' }, ({ name }) => name, 'b'),
  ['notifications.endpoints[].disabled', told({ disabled: true }), endpointsOf, []],
  endpointRow('url', { url: 'https://b/c?d=e' }, ({ url }) => url, 'https://b/c?d=e'),
  endpointRow('headers', { headers: { A: ['b', 'c'] } }, ({ headers }) => headers, { A: ['b', 'c'] }),
  endpointRow('timeout', { timeout: '500ms' }, ({ timeoutMs }) => timeoutMs, 500),
  endpointRow('timeout', { timeout: 0 }, ({ timeoutMs }) => timeoutMs, 1000),
  endpointRow('threshold', { threshold: 3 }, ({ threshold }) => threshold, 3),
  endpointRow('threshold', { threshold: -1 }, ({ threshold }) => threshold, 10),
  endpointRow('backoff', { backoff: '5s' }, ({ backoffMs }) => backoffMs, 5000),
  endpointRow('backoff', { backoff: '0s' }, ({ backoffMs }) => backoffMs, 1000),
  endpointRow('ignoredmediatypes', { ignoredmediatypes: MEDIA_TYPES }, ({ ignoredMediaTypes }) => ignoredMediaTypes, MEDIA_TYPES),
  endpointRow(
    'ignore.mediatypes',
    { ignore: { mediatypes: MEDIA_TYPES } },
    ({ ignoredMediaTypes }) => ignoredMediaTypes,
    MEDIA_TYPES,
  ),
  endpointRow('ignore.actions', { ignore: { actions: ['pull'] } }, ({ ignoredActions }) => ignoredActions, ['pull']),
  row(
    'notifications.events.includereferences',
    { events: { includereferences: true } },
    {},
    (all) => all.includesReferences,
    true,
  ),
  ['events.enabled', { events: { enabled: false } }, ({ notifications }: Config) => notifications, undefined],
  ['events.pulls', { events: { pulls: true } }, ({ notifications }: Config) => notifications?.recordsPulls, true],
  ['events.listeners', { events: { listeners: 7 } }, ({ notifications }: Config) => notifications?.listenersAtMost, 7],
  ['events.webhooks.loopback', { events: { webhooks: { loopback: true } } }, loopbackOf, true],
  ['events.webhooks.httpproxy', { events: { webhooks: { httpproxy: 'http://proxy:3128' } } }, proxyOf, 'http://proxy:3128/'],
  row('events.keep', {}, { events: { keep: '12h' } }, ({ keepMs }) => keepMs, 43_200_000),
  row('events.size', {}, { events: { size: '1GB' } }, ({ sizeBytes }) => sizeBytes, 1_000_000_000),
] as const

function endpointsOf({ notifications }: Config) {
  return notifications?.endpoints
}

function loopbackOf({ notifications }: Config) {
  return notifications?.webhooks.allowsLoopback
}

function proxyOf({ notifications }: Config) {
  return notifications?.webhooks.proxy
}

function told(endpoint: object, more: object = {}): object {
  return { notifications: { endpoints: [{ ...ENDPOINT, ...endpoint }], ...more } }
}

function endpointRow(key: string, endpoint: object, read: (endpoint: Endpoint) => unknown, expected: unknown) {
  const readFirst = ({ notifications }: Config) => notifications?.endpoints.map(read)[0]
  return [`notifications.endpoints[].${key}`, told(endpoint), readFirst, expected] as const
}

function row(key: string, more: object, beside: object, read: (all: Notifications) => unknown, expected: unknown) {
  const readAll = ({ notifications }: Config) => notifications && read(notifications)
  return [key, { ...told({}, more), ...beside }, readAll, expected] as const
}
