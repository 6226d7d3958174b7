import type { StoredEvent } from '../../metadata/events/events.ts'

/** What listeners and webhooks know events by. */
export const EVENT_KINDS = [
  'manifest.push',
  'manifest.pull',
  'manifest.delete',
  'manifest.undelete',
  'tag.move',
  'tag.delete',
  'blob.push',
  'blob.pull',
  'blob.mount',
  'blob.delete',
  'manifest.collect',
  'blob.collect',
  'user.add',
  'user.change',
  'user.remove',
  'group.add',
  'group.change',
  'group.remove',
  'token.add',
  'token.change',
  'token.remove',
  'mirror.fail',
  'mirror.recover',
] as const

export type EventKind = (typeof EVENT_KINDS)[number]

/** They are many: a listener gets them when it asks for them. */
export const KINDS_WITHOUT_PULLS: readonly EventKind[] = EVENT_KINDS.filter((kind) => !isPull(kind))

export function findEventKind(text: string): EventKind | undefined {
  return EVENT_KINDS.find((kind) => kind === text)
}

export function isPull(kind: EventKind): boolean {
  return kind.endsWith('.pull')
}

/** The two columns together: 'manifest.push'. */
export function kindOf({ kind, action }: Pick<StoredEvent, 'kind' | 'action'>): string {
  return `${kind}.${action}`
}
