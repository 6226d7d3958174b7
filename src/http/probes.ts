import type { Readiness } from '../observe/readiness.ts'
import { emptyResponse, jsonResponse, type PlainResponse, responseOf } from './answer/responses.ts'
import type { Connection, Handler } from './pipeline.ts'

/** What the outside may know about how the registry is. */
export interface Probes {
  /** Not healthy while a health check of the configuration fails. */
  readonly health: { readonly isHealthy: boolean }
  readiness(): Promise<Readiness>
}

/** A bad Host leaves the bare path (see the pipeline); a query is ignored. */
const PROBE = /^(?:https?:\/\/[^/]*)?\/(livez|readyz)(?:\?.*)?$/

/** Answers `/livez` and `/readyz` before anything else is asked: not logged, not counted, open to all. Everything else goes on. */
export function withProbes(probes: Pick<Probes, 'readiness'>, handler: Handler): Handler {
  return (request: Request, connection: Connection) => {
    const probe = PROBE.exec(request.url)?.[1]
    return probe === undefined ? handler(request, connection) : answerProbe(probes, probe, request.method)
  }
}

/** `livez`: this process answers. `readyz`: requests should come here. */
export async function answerProbe(probes: Pick<Probes, 'readiness'>, probe: string, method: string): Promise<Response> {
  if (method !== 'GET' && method !== 'HEAD') return responseOf(emptyResponse(405, { Allow: 'GET, HEAD' }))
  const headers = { 'Cache-Control': 'no-store' }
  const response =
    probe === 'livez' ? jsonResponse({ live: true }, headers) : readinessResponse(await probes.readiness(), headers)
  return responseOf(method === 'HEAD' ? { ...response, body: null } : response)
}

function readinessResponse(readiness: Readiness, headers: Readonly<Record<string, string>>): PlainResponse {
  return jsonResponse(readiness, headers, readiness.ready ? 200 : 503)
}
