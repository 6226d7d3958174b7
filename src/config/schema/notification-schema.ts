import type { z } from 'zod'
import { findSpanMs } from '../../runtime/duration.ts'
import type { ConfigProblem } from '../config-error.ts'
import { findByteSize } from '../words/byte-size.ts'
import type { ListenAddress } from '../words/listen-address.ts'
import { exact, key, list, map, optionalKey, section } from './keys.ts'
import { boolean, durationMs, headerName, headerValues, httpProxy, parsed, text, wholeNumber } from './values.ts'

/** How events are kept, and where they go. Undefined in the configuration where there are none. */
export interface NotificationsConfig {
  /** Those that are not switched off. */
  readonly endpoints: readonly EndpointConfig[]
  readonly includesReferences: boolean
  /** The port of `http.addr`; undefined for a unix socket. */
  readonly port: number | undefined
  readonly keepMs: number
  readonly sizeBytes: number
  /** Pulls are events as well. */
  readonly recordsPulls: boolean
  readonly listenersAtMost: number
  readonly webhooks: { readonly allowsLoopback: boolean; readonly proxy: string | undefined }
}

export interface EndpointConfig {
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly timeoutMs: number
  readonly threshold: number
  readonly backoffMs: number
  readonly ignoredMediaTypes: readonly string[]
  readonly ignoredActions: readonly string[]
}

const mediaTypes = list(text, {
  about: 'Media types of manifests, or application/octet-stream for blobs: of these no event is sent.',
  example: '[application/octet-stream]',
})

const endpoint = section({
  name: key(text, { default: '', example: 'hook', about: 'What log, metrics and `berth status` call it. Each has another one.' }),
  disabled: key(boolean, { default: 'false', example: 'true', about: 'Sends nothing there.' }),
  url: key(text, { default: '', example: 'https://hook.example.com/events', about: 'Where events are posted.' }),
  headers: map(headerValues, {
    about: 'Sent with each event.',
    example: '{Authorization: [Bearer secret]}',
    name: headerName,
    isSecret: true,
  }),
  timeout: key(durationMs, { default: '1s', example: '500ms', about: 'How long to wait for an answer; 0 stands for 1s.' }),
  threshold: key(wholeNumber(), {
    default: '10',
    example: '5',
    about: 'After so many failures in a row there is a pause before each further try; 0 stands for 10.',
  }),
  backoff: key(durationMs, {
    default: '1s',
    example: '5s',
    about: 'The first pause. Each is twice as long as the one before, up to a minute. 0 stands for 1s.',
  }),
  ignoredmediatypes: mediaTypes,
  ignore: section({
    mediatypes: mediaTypes,
    actions: list(text, { about: 'Of these no event is sent: pull, push, mount, delete.', example: '[pull]' }),
  }),
})

export const notifications = section({
  events: section({
    includereferences: key(boolean, {
      default: 'false',
      example: 'true',
      about: 'The event of a manifest says what it names.',
    }),
  }),
  endpoints: list(endpoint, {
    about: 'Where an event is sent for each push, pull, mount and delete (docs/events.md).',
    example: '[{name: hook, url: "https://hook.example.com/events"}]',
  }),
})

const span = parsed(findSpanMs, 'is not allowed; write a number of days or a duration, as in 7d or 12h')
const size = parsed(
  (value) => findByteSize(value) || undefined,
  'is not a size; write a number with its unit, as in 100MB or 1GiB',
)

/** Berth's own, at the top, where registry:2 passes over what it does not know. */
export const events = exact(
  section({
    enabled: key(boolean, {
      default: 'true',
      example: 'false',
      about: 'Writes down each change in the metadata database, for listeners, webhooks and endpoints (docs/events.md).',
    }),
    pulls: key(boolean, {
      default: 'false',
      example: 'true',
      about: 'Pulls are events too. They are as well where an endpoint of `notifications` does not ignore them.',
    }),
    listeners: key(wholeNumber(), {
      default: '2000',
      example: '10000',
      about: 'So many requests may listen at /api/v1/events at a time, in each process.',
    }),
    webhooks: section({
      loopback: key(boolean, {
        default: 'false',
        example: 'true',
        about: 'Webhooks may go to addresses of the machine that Berth runs on.',
      }),
      httpproxy: optionalKey(httpProxy, {
        about: 'The HTTP proxy that webhooks go through; none, or left out: no proxy.',
        example: 'http://proxy.example.com:3128',
      }),
    }),
    keep: key(span, {
      default: '7d',
      example: '30d',
      about: 'For so long an event stays in the database, for an endpoint that does not take it.',
    }),
    size: key(size, {
      default: '100MB',
      example: '1GB',
      about:
        'What all events may take there. Above it the oldest pulls go first, then the oldest of all; nothing waits for that.',
    }),
  }),
)

export function notificationProblems({
  notifications: { endpoints },
  events: { enabled },
}: Pick<Parsed, 'notifications' | 'events'>): ConfigProblem[] {
  return endpoints.flatMap(({ name, url, disabled }, index) => {
    if (disabled) return []
    if (!enabled)
      return [{ path: 'events.enabled', message: 'is false, and notifications.endpoints need events; take one of both out' }]
    const path = `notifications.endpoints.${index}`
    const problems: ConfigProblem[] = []
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
      problems.push({ path: `${path}.url`, message: 'is not a URL; write it as http://host:port/path' })
    if (endpoints.some((other, at) => at < index && !other.disabled && other.name === name))
      problems.push({ path: `${path}.name`, message: 'is the name of another endpoint; choose another one' })
    return problems
  })
}

interface Parsed {
  readonly notifications: z.output<typeof notifications>
  readonly events: z.output<typeof events>
  readonly http: { readonly addr: ListenAddress }
}

export function notificationsConfig({
  notifications: told,
  events: kept,
  http: { addr },
}: Parsed): NotificationsConfig | undefined {
  if (!kept.enabled) return undefined
  const endpoints = told.endpoints.filter(({ disabled }) => !disabled).map(endpointConfig)
  return {
    endpoints,
    includesReferences: told.events.includereferences,
    port: addr.kind === 'tcp' ? addr.port : undefined,
    keepMs: kept.keep,
    sizeBytes: kept.size,
    recordsPulls: kept.pulls || endpoints.some(({ ignoredActions }) => !ignoredActions.includes('pull')),
    listenersAtMost: kept.listeners,
    webhooks: { allowsLoopback: kept.webhooks.loopback, proxy: proxyOf(kept.webhooks.httpproxy) },
  }
}

function proxyOf(proxy: Parsed['events']['webhooks']['httpproxy']): string | undefined {
  return proxy === 'none' ? undefined : proxy?.reveal()
}

/** As registry:2 and registry:3, what is 0 or less stands for the default. */
function endpointConfig(endpoint: Parsed['notifications']['endpoints'][number]): EndpointConfig {
  const { name, url, headers, timeout, threshold, backoff, ignoredmediatypes, ignore } = endpoint
  return {
    ...{ name, url, headers },
    timeoutMs: timeout || 1_000,
    threshold: threshold > 0 ? threshold : 10,
    backoffMs: backoff || 1_000,
    ignoredMediaTypes: [...ignore.mediatypes, ...ignoredmediatypes],
    ignoredActions: ignore.actions,
  }
}
