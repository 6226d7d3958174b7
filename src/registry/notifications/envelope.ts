import type { StoredEvent } from '../../metadata/events/events.ts'
import type { AskedRequest } from '../../observe/actor.ts'
import type { NamedDescriptor } from './manifest-references.ts'

/** What registry:2 calls it; registry:3 sends v2. */
export const ENVELOPE_TYPE = 'application/vnd.docker.distribution.events.v1+json'

export interface EnvelopeParts {
  /** Host and port of this registry. */
  readonly sourceAddress: string
  /** What the manifest names, where that is to be told. */
  readonly references: readonly NamedDescriptor[]
}

/** The body of a notification, as registry:2 writes it. */
export function envelopeOf(events: readonly ToldEvent[]): string {
  return JSON.stringify({ events }, undefined, 3)
}

export type ToldEvent = ReturnType<typeof toldEvent>

/** An event as it stands in an envelope: what is empty or 0 is left out. */
export function toldEvent(event: StoredEvent, { sourceAddress, references }: EnvelopeParts) {
  const { id, atMs, action, kind, repository, digest, tag, mediaType, size, source } = event
  const request = event.request === null ? undefined : (JSON.parse(event.request) as AskedRequest)
  const isGone = action === 'delete'
  const bytes = isGone ? undefined : size || undefined
  return {
    id,
    timestamp: new Date(atMs).toISOString(),
    // Programs that read these know four actions: what came back is there as what was pushed.
    action: action === 'undelete' ? 'push' : action,
    target: {
      mediaType: mediaType ?? undefined,
      size: bytes,
      digest: digest ?? undefined,
      length: bytes,
      repository,
      fromRepository: source ?? undefined,
      url: isGone || request === undefined ? undefined : urlOf(request.root, { kind, repository, digest }),
      tag: tag ?? undefined,
      references: references.length === 0 ? undefined : references,
    },
    request: {
      id: event.requestId ?? '',
      addr: event.address ?? undefined,
      host: request?.host,
      method: request?.method ?? '',
      useragent: request?.userAgent ?? '',
    },
    actor: { name: event.actor ?? undefined },
    source: { addr: sourceAddress, instanceID: event.process },
  }
}

function urlOf(root: string, { kind, repository, digest }: Pick<StoredEvent, 'kind' | 'repository' | 'digest'>): string {
  return `${root}/v2/${repository}/${kind === 'blob' ? 'blobs' : 'manifests'}/${digest}`
}

const TOLD: ReadonlySet<string> = new Set(['push', 'pull', 'mount', 'delete', 'undelete'])

/** What an endpoint ignores by its media type or its action, as `notifications.endpoints` names them; and what registry:2 tells nothing of. */
export function isIgnored(
  { action, mediaType }: StoredEvent,
  {
    ignoredMediaTypes,
    ignoredActions,
  }: { readonly ignoredMediaTypes: readonly string[]; readonly ignoredActions: readonly string[] },
): boolean {
  if (!TOLD.has(action)) return true
  return ignoredMediaTypes.includes(mediaType ?? '') || ignoredActions.includes(action === 'undelete' ? 'push' : action)
}
