import type { DeletedRecord, Restored } from '../../operating/deleting/undeletion.ts'
import { minuteOf, shown } from './deletion-report.ts'

type Write = (line: string) => void

/** How many tags a line names. */
const NAMED_AT_MOST = 5

/** One line for a script: the id, until when, what, and its name. */
export function writeRecord(write: Write, { id, untilMs, kind, repository, digest, tags, actor, how }: DeletedRecord): void {
  const name = kind === 'tag' ? `${repository}:${tags.join(',')}  ${digest}` : `${repository}@${digest}`
  const withTags = kind === 'tag' || tags.length === 0 ? '' : `  with ${named(tags)}`
  const by = actor.name === undefined ? '' : ` by ${shown(actor.name)}`
  write(`${id}  ${minuteOf(untilMs)}  ${kind.padEnd(8)}  ${name}${withTags}  (${shown(how)}${by})`)
}

export function writeListEnd(write: Write, records: number): void {
  if (records > 0) write('')
  const count = records === 1 ? '1 deletion' : `${records} deletions`
  write(
    records === 0 ? 'There is nothing to bring back.' : `${count}, each until the time that its line says: berth undelete <id>`,
  )
}

/** What is back, and the tags that point elsewhere and stay so. */
export function writeRestored(write: Write, { repository, digest, tags, moved }: Restored): void {
  if (tags.length + moved.length === 0) write(`back      ${repository}@${digest}`)
  for (const tag of tags) write(`back      ${repository}:${tag}  ${digest}`)
  for (const other of moved) write(`stays     ${repository}:${other.tag}  ${other.digest}`)
}

function named(tags: readonly string[]): string {
  const more = tags.length > NAMED_AT_MOST ? ` and ${tags.length - NAMED_AT_MOST} more` : ''
  return `${tags.slice(0, NAMED_AT_MOST).join(', ')}${more}`
}
