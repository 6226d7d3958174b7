import type { MirrorStatus } from '../../operating/mirrors.ts'
import type { QuotaState } from '../../operating/quotas.ts'
import type { RegistryStatus } from '../../operating/status.ts'
import { fullnessOf } from '../storage/quota-report.ts'

/** One screen: a word for each part, and a sentence. What needs a person begins with `!`. */
export function statusLines(where: string, status: RegistryStatus): readonly string[] {
  return [
    line('storage', `${where}${status.storage.readOnly ? ', read-only by its configuration' : ''}`),
    ...roomLines(status),
    line('database', `${status.database.path}, epoch ${status.database.epoch}`),
    line('processes', processes(status)),
    line('scan', scan(status)),
    ...namedLines('unreadable', status.unreadable, 'cannot be read, the others are served'),
    line('content', content(status)),
    line('deletes', status.storage.deletes ? 'clients may delete' : 'clients may not delete; berth delete does'),
    ...collectorLines(status),
    ...namedLines('obstacle', status.obstacles, 'is nothing that Berth knows, and keeps the collector from all bytes'),
    ...scrubLines(status),
    ...status.endpoints.map(endpointLine),
    line('retention', retention(status)),
    ...quotaLines(status),
    ...status.mirrors.flatMap(mirrorLines),
  ]
}

/** How a mirror is, and what its rule has brought. */
export function mirrorLines({ mirror, urls, isOffline, use, sync }: MirrorStatus): readonly string[] {
  const where = mirror === 'proxy' ? urls.join(' or ') : `${mirror} of ${urls.join(' or ')}`
  const first = line('mirrors', `${where}${isOffline ? ', offline' : ''}${use === undefined ? '' : useOf(use)}`)
  return [first, ...(sync === undefined ? [] : syncLines(mirror, sync))]
}

function syncLines(mirror: string, { everyMs, note }: NonNullable<MirrorStatus['sync']>): readonly string[] {
  if (note === undefined) return [line('', `${mirror}: nothing has been brought yet`)]
  const { run, beganAtMs, endedAtMs, wholeAtMs, tags, blobs, bytes, failed, failures, endedEarly } = note
  const came = `${tags} tags looked at, ${blobs} blobs brought, ${readable(bytes)}`
  const whole = wholeAtMs === undefined ? 'not whole yet' : `whole since ${timeOf(wholeAtMs)}`
  if (endedAtMs === undefined) return [line('', `${mirror}: run ${run} since ${timeOf(beganAtMs)}, ${came}; ${whole}`)]
  const next = endedAtMs === wholeAtMs ? `next ${timeOf(beganAtMs + everyMs)}` : 'tried again soon'
  const last = `${mirror}: run ${run} ended ${timeOf(endedAtMs)}, ${came}; ${whole}; ${next}`
  return [
    line('', last),
    ...(endedEarly === undefined ? [] : [attention('sync', `${mirror}: ${endedEarly}`)]),
    ...failures.map(({ name, reason }) => attention('sync', `${name}: ${reason}`)),
    ...(failed > failures.length ? [attention('sync', `${mirror}: ${failed - failures.length} more failed`)] : []),
  ]
}

function line(part: string, sentence: string): string {
  return `${part.padEnd(12)}${sentence}`
}

function attention(part: string, sentence: string): string {
  return line(`! ${part}`, sentence)
}

function roomLines({ storage: { space } }: RegistryStatus): readonly string[] {
  if (space === undefined) return []
  const { freeBytes, reserveBytes } = space
  const room = `${readable(freeBytes)} free, ${readable(reserveBytes)} of them kept for deletes and metadata`
  return [freeBytes > reserveBytes ? line('room', room) : attention('room', `${room}: uploads are refused`)]
}

function processes({ processes: count, duties }: RegistryStatus): string {
  if (count === 0) return 'none: no server runs'
  return `${count}; at work in the background: ${duties.join(', ') || 'nothing'}`
}

function scan({ scan: { complete, scanned } }: RegistryStatus): string {
  return complete
    ? 'complete: the database says what the storage says'
    : `${Math.floor(scanned * 100)} % of the repositories are read`
}

function content({ counts }: RegistryStatus): string {
  const { repositories, openUploads, openClaims } = counts
  return `${repositories} repositories, ${openUploads} uploads that have not ended, ${openClaims} changes under way`
}

function collectorLines({ collector: { enabled, note, because } }: RegistryStatus): readonly string[] {
  if (!enabled) return [line('collector', 'off: what nothing needs stays')]
  if (note === undefined) return [line('collector', 'no pass yet')]
  const { found, atMs } = note
  const waits = because === undefined ? [] : [waitsFor(note.waits)('waits', because)]
  const due =
    found === undefined
      ? ''
      : `; due were ${found.links.due} links and ${found.blobs.due} blobs, ${readable(found.links.dueBytes + found.blobs.dueBytes)}`
  const untagged =
    note.untagged === undefined || note.untagged.manifests === 0
      ? []
      : [line('', `${note.untagged.manifests} manifests without a tag hold ${readable(note.untagged.bytes)}, and stay`)]
  return [line('collector', `last looked ${timeOf(atMs)}${due}`), ...waits, ...goneBy(note), ...untagged]
}

function goneBy({ found, goneByMs }: NonNullable<RegistryStatus['collector']['note']>): readonly string[] {
  if (found === undefined || goneByMs === undefined) return []
  const bytes = found.links.bytes + found.blobs.bytes
  return [line('', `nothing needs ${readable(bytes)}: gone by ${timeOf(goneByMs)}, but for what a request asks for`)]
}

/** A scan and the first hour of an epoch end by themselves. */
function waitsFor(waits: string | undefined): typeof line {
  return waits === 'scan' || waits === 'epoch' || waits === 'disabled' || waits === 'readonly'
    ? (_, text) => line('', `waits: ${text}`)
    : attention
}

function scrubLines({ scrub: { enabled, state } }: RegistryStatus): readonly string[] {
  const missing = (state?.missing ?? []).map((digest) => attention('damaged', `${digest} was moved aside; push it again`))
  if (!enabled) return [line('scrub', 'off'), ...missing]
  if (state === undefined) return [line('scrub', 'no pass yet'), ...missing]
  const last = state.endedAtMs === undefined ? 'no whole pass yet' : `all was read last ${timeOf(state.endedAtMs)}`
  return [line('scrub', `${last}; ${readable(state.bytes)} in this pass`), ...missing]
}

function endpointLine({ endpoint, pending, lost, failingMs, failure }: RegistryStatus['endpoints'][number]): string {
  const gone = lost === 0 ? '' : `; ${lost} were removed before it took them`
  if (failingMs === undefined) return line('events', `${endpoint} takes them, ${pending} are on their way${gone}`)
  return attention('events', `${endpoint} takes none since ${timeOf(failingMs)}, ${pending} wait for it: ${failure}${gone}`)
}

function useOf({ usedBytes, sizeBytes }: NonNullable<MirrorStatus['use']>): string {
  return `, ${readable(usedBytes)} of ${readable(sizeBytes)}`
}

function retention({ retention: { rules, dryRun, untaggedMs } }: RegistryStatus): string {
  if (rules === 0 && untaggedMs === undefined) return 'no rules: nothing that has a tag goes by itself'
  const what = [
    ...(rules === 0 ? [] : [`${rules} rules for tags`]),
    ...(untaggedMs === undefined ? [] : ['a time for manifests without a tag']),
  ]
  return `${what.join(', ')}; ${dryRun ? 'only shown, nothing goes while retention.dryrun is true' : 'at work'}`
}

/** The one that holds most, and each in which there is little room. */
function quotaLines({ quotas: { configured, fullest, areCounted } }: RegistryStatus): readonly string[] {
  if (configured === 0) return []
  const [first] = fullest
  const most = first === undefined ? 'nothing is held' : `${usedOf(first)} holds most`
  return [
    line('quotas', `${configured} in the configuration; ${areCounted ? most : 'not everything has been counted yet'}`),
    ...fullest.flatMap((quota) => {
      const fullness = fullnessOf(quota)
      return fullness === '' ? [] : [attention('quota', `${usedOf(quota)} is ${fullness}`)]
    }),
  ]
}

function usedOf({ name, usedBytes, limitBytes }: QuotaState): string {
  return `${name} with ${readable(usedBytes)}${limitBytes === undefined ? '' : ` of ${readable(limitBytes)}`}`
}

function namedLines(part: string, names: readonly string[], sentence: string): readonly string[] {
  return names.map((name) => attention(part, `${name} ${sentence}`))
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const

function readable(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(bytes) / 3)))
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${UNITS[power]}`
}
