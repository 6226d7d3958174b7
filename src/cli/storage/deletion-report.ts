import type { Deleted, DeletionPreview, Going, Staying } from '../../operating/deleting/deletion.ts'
import { readableBytes } from '../../runtime/readable-bytes.ts'

type Write = (line: string) => void

/** One line for a script: what, and its name; of what stays, why. */
export function writeFound(write: Write, found: Going | Staying): void {
  if (found.kind === 'stays') writeStaying(write, found)
  else writeGoing(write, found)
}

function writeStaying(write: Write, { repository, reference, because }: Staying): void {
  write(`${'stays'.padEnd(9)} ${repository}${reference.includes(':') ? '@' : ':'}${reference}: ${because}`)
}

function writeGoing(write: Write, going: Going): void {
  const reference = going.kind === 'tag' ? `:${going.tag}` : `@${going.digest}`
  write(`${WORDS[going.kind].padEnd(9)} ${going.repository}${reference}`)
}

const WORDS: Readonly<Record<Going['kind'], string>> = { tag: 'tag', manifest: 'manifest', released: 'later' }

/** What goes, what goes with it, what stays, and when there is room. */
export function writePreview(write: Write, preview: DeletionPreview): void {
  const { tags, manifests, repositories, released, leftUntagged, unreadable, kept, namedBy } = preview
  if (tags + manifests > 0) {
    write('')
    write(
      `${counted(tags, 'tag')} and ${counted(manifests, 'manifest')} in ${counted(repositories, 'repository', 'repositories')}.`,
    )
  }
  if (released > 0)
    write(
      `${counted(released, 'more manifest')} that only these lead to: removed later, unless a client asks for them until then.`,
    )
  if (leftUntagged > 0)
    write(
      `${counted(leftUntagged, 'manifest')} without any tag after that, which stay: delete them by their digest, or all such ones with registry garbage-collect --delete-untagged.`,
    )
  if (unreadable > 0) write(`${counted(unreadable, 'manifest')} that Berth cannot read, and leaves as it is.`)
  if (kept > 0)
    write(
      `${counted(kept, 'tag or manifest', 'tags and manifests')} that the configuration or a hold keeps, with what belongs to them: they stay.`,
    )
  if (namedBy.length > 0) write(`Part of ${namedBy.join(', ')}: refused without --force.`)
  if (manifests > 0) write(spaceOf(preview))
}

export function writeDeleted(
  write: Write,
  { tags, manifests, changed, kept }: Deleted,
  { undoneWithinMs }: DeletionPreview,
): void {
  write(`Deleted ${counted(tags, 'tag')} and ${counted(manifests, 'manifest')}.`)
  if (changed > 0) write(`${changed} of them stay: they have been pushed, tagged or added to an image index since the preview.`)
  if (kept > 0) write(`${kept} of them stay: the configuration (retention.immutable, retention.protected) or a hold keeps them.`)
  if (tags + manifests > 0) write(`Until ${minuteOf(Date.now() + undoneWithinMs)} berth undelete brings it back.`)
}

function spaceOf({ bytes, freedAfterMs, isAlone }: DeletionPreview): string {
  if (bytes === 0) return 'It frees no bytes: something else needs all of them.'
  const size = `${readableBytes(bytes)} (${bytes} bytes)`
  if (freedAfterMs === undefined)
    return `It frees ${size} when the collector takes them, which does not run with this configuration.`
  const by = minuteOf(Date.now() + freedAfterMs)
  return `It frees ${size}, by ${by}${isAlone ? ' if a server runs until then' : ''}.`
}

/** To the minute, in universal time. */
export function minuteOf(ms: number): string {
  return new Date(ms).toISOString().replace(/:\d\d\.\d+Z$/, 'Z')
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

const PLAIN = /^[\w.@ +-]+$/

/** A name that came with a request may hold anything. */
export function shown(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text)
}
