import { objectIn } from '../../images/files/parsed-json.ts'
import type { RegistryAccess } from '../../images/registry/registries.ts'
import type { Log } from '../../observe/log.ts'
import { basicOf } from '../../upstream/credentials.ts'
import { eventsIn } from './server-sent-events.ts'

/** What moves a tag, or what it means. */
const KINDS = 'manifest.push,tag.move,manifest.undelete,tag.delete'
/** The registry says something each 15 seconds. */
const SILENCE_MS = 45_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 60_000

export interface ListenOptions {
  readonly access: RegistryAccess
  readonly log: Log
  readonly signal: AbortSignal
  readonly pause: (ms: number) => Promise<void>
  /** A tag of this repository has moved; undefined: of any, since the registry was not heard for a while. */
  readonly onChange: (repository: string | undefined) => Promise<void>
}

/** Listens for pushes until the signal aborts. While the registry has no stream, or is away, it is asked again with growing pauses. */
export async function listenForPushes(options: ListenOptions): Promise<void> {
  const { log, signal, pause } = options
  let lastId: string | undefined
  let retryMs = FIRST_RETRY_MS
  let isListening: boolean | undefined
  while (!signal.aborted) {
    try {
      for await (const event of stream(options, lastId)) {
        if (isListening !== true) log.info('listening for pushes')
        isListening = true
        retryMs = FIRST_RETRY_MS
        lastId = event?.id ?? lastId
        if (event !== undefined) await options.onChange(OPENINGS.has(event.name) ? undefined : repositoryIn(event.data))
      }
    } catch (error) {
      if (signal.aborted) return
      if (isListening !== false)
        log.warn('pushes are not heard of', { problem: error instanceof Error ? error.message : String(error) })
      isListening = false
    }
    // Not all agents at once after a restart of the registry.
    await pause(retryMs * (0.5 + Math.random())).catch(() => undefined)
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)
  }
}

/** Behind these nothing is missed; what came before has to be looked at. */
const OPENINGS: ReadonlySet<string> = new Set(['ready', 'gap'])

async function* stream({ access, signal }: ListenOptions, lastId: string | undefined) {
  const ending = new AbortController()
  const end = () => ending.abort(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  const silence = () => setTimeout(() => ending.abort(new Error(`nothing was heard for ${SILENCE_MS / 1000} s`)), SILENCE_MS)
  let timer = silence()
  try {
    const authorization = basicOf(await access.credentials.find())
    const { authorities } = access.way
    const response = await fetch(new URL(`/api/v1/events?kind=${KINDS}`, access.url), {
      headers: {
        accept: 'text/event-stream',
        'accept-encoding': 'identity',
        ...(authorization === undefined ? {} : { authorization }),
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      },
      redirect: 'manual',
      ...(authorities === undefined ? {} : { tls: { ca: authorities } }),
      signal: ending.signal,
    })
    if (response.status !== 200 || response.body === null)
      throw new Error(`${access.url.origin} answers ${response.status}; it is asked for each tag every now and then`)
    for await (const event of eventsIn(response.body)) {
      clearTimeout(timer)
      timer = silence()
      yield event
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
    ending.abort()
  }
}

function repositoryIn(data: string): string | undefined {
  try {
    const { repository } = objectIn(JSON.parse(data))
    return typeof repository === 'string' ? repository : undefined
  } catch {
    return undefined
  }
}
