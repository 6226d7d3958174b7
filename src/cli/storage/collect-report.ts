import type { CollectorState, GarbagePlan, GarbageResult, GarbageTold } from '../../operating/collection.ts'

type Write = (line: string) => void

/** The lines of registry:2's command, which scripts read; `isQuiet` leaves out what stays. */
export function markingLines(write: Write, isQuiet: boolean): GarbageTold {
  const writeMark = isQuiet ? () => undefined : write
  return {
    repository: (repository) => writeMark(repository),
    marksManifest: (repository, digest) => writeMark(`${repository}: marking manifest ${digest} `),
    marksBlob: (repository, digest) => writeMark(`${repository}: marking blob ${digest}`),
    untagged: (_, digest) => write(`manifest eligible for deletion: ${digest}`),
  }
}

export function writePlan(write: Write, { marked, manifests, links, blobs }: GarbagePlan): void {
  write('')
  write(`${marked} blobs marked, ${blobs.length} blobs and ${manifests.length} manifests eligible for deletion`)
  for (const digest of blobs) write(`blob eligible for deletion: ${digest}`)
  for (const { repository, digest } of links) write(`${repository}: layer link eligible for deletion: ${digest}`)
}

/** What registry:2 has no words for: what stays although nothing needs it, and what a server will remove. */
export function writeOutcome(write: Write, result: GarbageResult, isDryRun: boolean): void {
  const { waits, because, plan, collected, isAlone, graceMs, windowMs } = result
  if (plan === undefined) return
  if (because !== undefined) write(`${waits === 'obstacle' ? 'No bytes of blobs go' : 'Nothing goes yet'}: ${because}`)
  if (plan.young > 0)
    write(`${plan.young} links and blobs that nothing needs stay: they were needed or written in the last ${wordsFor(graceMs)}.`)
  if (isDryRun) {
    write('Nothing was removed: this was a dry run.')
    return
  }
  const { links, blobs, manifests, repositories, bytes } = collected
  write(`Removed ${manifests} manifests, ${links} links and ${blobs} blobs of ${bytes} bytes.`)
  if (repositories > 0) write(`Removed the directories of ${repositories} repositories in which nothing was left.`)
  const isAllGone = links === plan.links.length && blobs === plan.blobs.length && manifests === plan.manifests.length
  if (!isAlone && !isAllGone)
    write(
      `A server runs on this storage: it removes the rest in ${wordsFor(windowMs)}, but for what a client asks for until then.`,
    )
}

export function wordsFor(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  const [count, unit] = minutes >= 120 && minutes % 60 === 0 ? [minutes / 60, 'hour'] : [minutes, 'minute']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** `berth gc --status`. */
export function writeState(write: Write, state: CollectorState | undefined): void {
  if (state === undefined) {
    write('The collector has made no pass yet on this storage.')
    return
  }
  const { note, because } = state
  write(`Last looked at ${new Date(note.atMs).toISOString()}.`)
  if (because !== undefined) write(`Waiting: ${because}`)
  if (note.found !== undefined) {
    const { links, blobs, storedBytes } = note.found
    write(`Nothing needs ${links.unneeded} links and ${blobs.unneeded} blobs; ${links.due + blobs.due} of them are due.`)
    if (note.goneByMs !== undefined)
      write(`They hold ${links.bytes + blobs.bytes} bytes, and are gone by ${new Date(note.goneByMs).toISOString()}.`)
    write(`Due are ${links.dueBytes + blobs.dueBytes} of ${storedBytes} bytes.`)
  }
  write(`Condemned at that look: ${note.condemned} links and manifests.`)
  if (note.untagged !== undefined && note.untagged.manifests > 0)
    write(
      `Only ${note.untagged.manifests} manifests without a tag hold ${note.untagged.bytes} bytes; registry garbage-collect --delete-untagged frees them.`,
    )
}
