import manifest from '../../package.json' with { type: 'json' }
import type { Config } from '../config/config.ts'
import type { Probes } from '../http/probes.ts'
import { accessLogs } from '../observe/access-log/access-logs.ts'
import { AuditLog } from '../observe/audit-log.ts'
import { dutyWords } from '../observe/duty-state.ts'
import type { RequestObserver } from '../observe/exchange.ts'
import { healthChecks } from '../observe/health/health-checks.ts'
import { HealthMonitor } from '../observe/health/health-monitor.ts'
import type { Log, LogOutput } from '../observe/log.ts'
import type { ManifestDelay } from '../observe/manifest-delay.ts'
import type { MetricFamily } from '../observe/metrics/family.ts'
import { RegistryMetrics } from '../observe/metrics/registry-metrics.ts'
import { type Outcome, outcomeOf } from '../observe/outcome.ts'
import { type Readiness, ReadinessProbe } from '../observe/readiness.ts'
import type { ProcessReport } from '../observe/report.ts'
import { readTracing } from '../observe/tracing/settings.ts'
import { startTracing, type Tracing } from '../observe/tracing/tracing.ts'
import type { Handover } from '../registry/handover/handover.ts'
import type { Status } from '../registry/status.ts'
import type { StorageGate } from '../registry/storage-gate.ts'
import { type StorageDriver, storagePath } from '../storage/driver.ts'
import { StorageFault } from '../storage/storage-errors.ts'

export interface MonitoringOptions {
  readonly config: Config
  readonly storage: StorageDriver
  readonly status: Status
  readonly handover: Pick<Handover, 'isPending' | 'isAway'>
  /** Closed while the storage is not there; undefined: the storage is not looked at. */
  readonly gate?: Pick<StorageGate, 'requireNow'> | undefined
  /** Undefined: nothing is counted. */
  readonly metrics: RegistryMetrics | undefined
  readonly manifestDelay: ManifestDelay
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** Where lines about requests go. */
  readonly accessOutput: LogOutput
}

/** What watches a registry in this process, from its start to its end. */
export interface Monitoring {
  /** For the pipeline. */
  readonly observers: readonly RequestObserver[]
  readonly probes: Probes
  /** From now on it is not ready. */
  drain(): void
  /** What this process says about itself; plain data. */
  report(): Promise<ProcessReport>
  stop(): Promise<void>
}

/** The counters of this process, where the configuration asks for them. */
export function createMetrics({ http, storage }: Config): RegistryMetrics | undefined {
  const { listen, prometheus } = http.debug
  return listen !== undefined && prometheus.enabled ? new RegistryMetrics(storage.driver.kind, manifest.version) : undefined
}

export async function startMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const { config, status, metrics, log, accessOutput } = options
  const health = new HealthMonitor(checksOf(options), log)
  const readiness = readinessOf(options, () => health.isHealthy)
  const tracing = tracingOf(options)
  const families = metrics === undefined ? async () => [] : await measure(metrics, status)
  const report = async () => {
    const look = await readiness.look()
    const unreadable = found(await outcomeOf(() => status.unreadable())) ?? []
    const obstacles = found(await outcomeOf(() => status.obstacles())) ?? []
    const damaged = found(await outcomeOf(() => status.scrub()))?.missing ?? []
    const endpoints = found(await outcomeOf(() => status.endpoints())) ?? []
    const silent = endpoints.flatMap(({ endpoint, failure }) => (failure === undefined ? [] : [`${endpoint} (${failure})`]))
    const named = { unreadable, obstacles, damaged, silent }
    return { failing: health.failing, readiness: look, ...named, metrics: await families(look) }
  }
  return {
    observers: [
      options.manifestDelay,
      ...(metrics === undefined ? [] : [metrics.requests]),
      ...(tracing === undefined ? [] : [tracing.observer]),
      ...accessLogs(config.log, log, accessOutput),
      // Without access control no caller has a name.
      ...(config.auth.kind === 'none' && config.access === undefined
        ? []
        : [new AuditLog((message, fields) => log.info(message, fields))]),
    ],
    probes: { health, readiness: () => readiness.look() },
    drain: () => readiness.drain(),
    report,
    stop: async () => {
      health.stop()
      await tracing?.stop()
    },
  }
}

function checksOf({ config, storage }: MonitoringOptions) {
  // The debug address is the operator's: it shows the system's own reason.
  const statRoot = async () => {
    try {
      return await storage.stat(storagePath())
    } catch (error) {
      throw error instanceof StorageFault ? (error.cause ?? error) : error
    }
  }
  return healthChecks(config.health, { driver: config.storage.driver.kind, statRoot })
}

function readinessOf({ status, handover, gate, log }: MonitoringOptions, isHealthy: () => boolean): ReadinessProbe {
  return new ReadinessProbe({
    isHealthy,
    isHandingOver: () => handover.isPending,
    isAway: () => handover.isAway,
    askStorage: async () => {
      await gate?.requireNow()
      await status.checkStorage()
    },
    askMetadata: () => status.scanState(),
    duties: () => dutyWords(status.duties()),
    onChange: (part, error) => {
      if (error === undefined) log.info('answers again', { part })
      else log.error('does not answer, not ready', { part, error })
    },
  })
}

function tracingOf({ environment, log, accessOutput }: MonitoringOptions): Tracing | undefined {
  const { settings, notices } = readTracing(environment)
  for (const notice of notices) log.warn('tracing notice', { notice })
  if (settings === undefined) return undefined
  log.info('tracing requests', { exporter: settings.exporter.kind })
  return startTracing({ settings, version: manifest.version, log, output: accessOutput })
}

/** prom-client is loaded only where metrics are asked for: it takes memory, and a tenth of a second of the start. */
async function measure(metrics: RegistryMetrics, status: Status): Promise<(look: Readiness) => Promise<MetricFamily[]>> {
  const { measureProcess } = await import('../observe/metrics/prometheus.ts')
  const processFamilies = measureProcess()
  return async ({ ready, scan }) => {
    const [counts, space, collector, scrub, quotas, mirrors, endpoints, ofProcess] = await Promise.all([
      outcomeOf(() => status.counts()),
      outcomeOf(() => status.space()),
      outcomeOf(() => status.collector()),
      outcomeOf(() => status.scrub()),
      outcomeOf(() => status.quotas()),
      outcomeOf(() => status.mirrors()),
      outcomeOf(() => status.endpoints()),
      processFamilies(),
    ])
    const told = {
      ...{ counts: found(counts), space: found(space), collector: found(collector) },
      ...{
        scrub: found(scrub),
        quotas: found(quotas),
        mirrors: found(mirrors),
        endpoints: found(endpoints),
        sent: status.sent(),
      },
    }
    const state = { ready, scan, duties: status.duties(), ...told }
    return [...metrics.families(state), ...ofProcess]
  }
}

/** Metrics must come while things are broken; why they are is in the log by then. */
function found<Value>(outcome: Outcome<Value>): Value | undefined {
  return 'value' in outcome ? outcome.value : undefined
}
