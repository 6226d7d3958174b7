import type { StoredEvent } from '../../metadata/events/events.ts'
import { shownText } from '../../oci/image/shown-text.ts'
import { kindOf } from '../events/event-kinds.ts'

/** How a chat writes text. */
export interface Writing {
  /** The text so that none of its signs means anything there. */
  readonly plain: (text: string) => string
}

const LONGEST_NAME = 100
const DIGEST_CHARACTERS = 'sha256:'.length + 12

/** One line for people: 'alice pushed `team/app:v1` (sha256:fea8895f4509)'. What a name may be leaves nothing that could end the code in it. */
export function sentenceOf(event: StoredEvent, { plain }: Writing): string {
  const { repository, tag, digest, before, source, actor, subject, count } = event
  const by = actor === null ? 'A client' : plain(shownText(actor, LONGEST_NAME))
  const short = digest?.slice(0, DIGEST_CHARACTERS)
  const named = `\`${repository}${tag === null ? '' : `:${tag}`}${tag === null && short !== undefined ? `@${short}` : ''}\``
  const which = tag === null || short === undefined ? '' : ` (${short})`
  switch (kindOf(event)) {
    case 'webhook.test':
      return 'This is a test: the registry reaches this channel.'
    case 'blob.collect':
      return `The collector took ${count} ${count === 1 ? 'blob' : 'blobs'} from \`${repository}\``
    case 'mirror.fail':
      return `The upstream ${plain(subject ?? '')} fails`
    case 'mirror.recover':
      return `The upstream ${plain(subject ?? '')} answers again`
    case 'tag.move':
      return `${by} moved ${named} from ${before?.slice(0, DIGEST_CHARACTERS)} to ${short}`
    case 'blob.mount':
      return `${by} mounted ${named} from \`${source}\``
    default:
      if (repository === '') return `The ${event.kind} ${plain(subject ?? '')} was ${VERBS[event.action]}`
      return `${by} ${VERBS[event.action] ?? event.action} ${named}${which}`
  }
}

const VERBS: Readonly<Record<string, string>> = {
  push: 'pushed',
  pull: 'pulled',
  delete: 'deleted',
  undelete: 'brought back',
  collect: 'collected',
  add: 'added',
  change: 'changed',
  remove: 'removed',
}
