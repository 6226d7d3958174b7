import type { Readiness } from '../observe/readiness.ts'
import type { MergedReport } from '../observe/report.ts'
import { jsonResponse, responseOf } from './answer/responses.ts'
import type { Handler } from './pipeline.ts'
import { answerProbe } from './probes.ts'

export interface DebugOptions {
  readonly health: () => Promise<Health>
  readonly readiness: () => Promise<Readiness>
  /** Undefined: metrics are off. */
  readonly metrics: MetricsPage | undefined
}

export type Health = Pick<MergedReport, 'failing' | 'unreadable' | 'obstacles' | 'damaged' | 'silent'>

export interface MetricsPage {
  /** Begins with a slash. */
  readonly path: string
  /** In Prometheus' text format. */
  readonly render: () => Promise<string>
}

/** What `http.debug.addr` serves: for operators alone, without a log and without authentication, as in registry:2. */
export function createDebugHandler({ health, readiness, metrics }: DebugOptions): Handler {
  return async (request) => {
    const path = findPath(request.url)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (path === '/livez' || path === '/readyz') return await answerProbe({ readiness }, path.slice(1), request.method)
    if (path === '/debug/health' && request.method === 'GET') return healthResponse(await health())
    if (metrics !== undefined && path === metrics.path && isRead) return textResponse(await metrics.render())
    return new Response('404 page not found\n', { status: 404, headers: { 'Content-Type': 'text/plain; charset=utf-8' } })
  }
}

/** `{}` or the failing checks by name, as in registry:2; and what is wrong with a part while the rest is served, which is no failure. */
function healthResponse({ failing, unreadable, obstacles, damaged, silent }: Health): Response {
  const body = {
    ...failing,
    ...named('repositories', 'cannot be read, the others are served; the log has the reason', unreadable),
    ...named(
      'collector',
      'the storage has directories that Berth does not know, no bytes are collected while they are there',
      obstacles,
    ),
    ...named('blobs', 'were damaged and are moved aside, push them again; the log names the repositories', damaged),
    ...named('notifications', 'endpoints take no events, which wait for them', silent),
  }
  return responseOf(jsonResponse(body, {}, Object.keys(failing).length === 0 ? 200 : 503))
}

const SHOWN_NAMES = 20

function named(part: string, sentence: string, names: readonly string[]): Readonly<Record<string, string>> {
  if (names.length === 0) return {}
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : ''
  return { [part]: `${sentence}: ${names.slice(0, SHOWN_NAMES).join(', ')}${more}` }
}

function textResponse(text: string): Response {
  const bytes = new TextEncoder().encode(text)
  const headers = { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8', 'Content-Length': String(bytes.length) }
  return new Response(bytes, { headers })
}

/** Undefined when there is none: a bad Host can make the target unreadable. */
function findPath(text: string): string | undefined {
  return URL.canParse(text, 'http://invalid') ? new URL(text, 'http://invalid').pathname : undefined
}
