import type { DebugConfig } from '../config/config.ts'
import { createDebugHandler, type MetricsPage } from '../http/debug-handler.ts'
import { type HttpServer, listen } from '../http/server/server.ts'
import type { Log } from '../observe/log.ts'
import { mergeReports, type ProcessReport } from '../observe/report.ts'
import { ListenError, listenErrorOf } from './listen-error.ts'

/** The debug server cannot listen. The message is one sentence for the operator. */
export class DebugServerError extends Error {
  override readonly name = 'DebugServerError'
}

/**
 * Serves health and metrics of all processes of this registry where the configuration says; undefined when it names no address. `ask`
 * gives the report of each process. Throws DebugServerError or ListenError.
 */
export async function serveDebug(
  { listen: address, prometheus }: DebugConfig,
  ask: () => Promise<readonly ProcessReport[]>,
  log: Log,
): Promise<HttpServer | undefined> {
  if (address === undefined) return undefined
  const merged = async () => mergeReports(await ask())
  const handler = createDebugHandler({
    health: merged,
    readiness: async () => (await merged()).readiness,
    metrics: prometheus.enabled ? await metricsPage(prometheus.path, ask) : undefined,
  })
  try {
    const server = await listen({ address, reusePort: false, handler, log })
    log.info('debug server listening', { url: server.url, ...(prometheus.enabled ? { metrics: prometheus.path } : {}) })
    return server
  } catch (cause) {
    const error = listenErrorOf(cause, { setting: 'http.debug.addr', address })
    if (error instanceof ListenError) throw error
    throw new DebugServerError('The address of http.debug.addr cannot be listened on; set it to another one, or leave it out.', {
      cause,
    })
  }
}

async function metricsPage(path: string, ask: () => Promise<readonly ProcessReport[]>): Promise<MetricsPage> {
  const { renderMetrics } = await import('../observe/metrics/prometheus.ts')
  return { path, render: async () => await renderMetrics((await ask()).map((report) => report.metrics)) }
}
