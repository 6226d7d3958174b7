import { mergeDutyWords } from './duty-state.ts'
import type { FailingChecks } from './health/health-monitor.ts'
import type { MetricFamily } from './metrics/family.ts'
import type { Readiness } from './readiness.ts'

/** What one process says about itself: plain data, so that a supervisor can ask for it over a channel that speaks JSON. */
export interface ProcessReport {
  readonly failing: FailingChecks
  readonly readiness: Readiness
  /** Repositories that cannot be read, while the others are served. */
  readonly unreadable: readonly string[]
  /** Directories in the storage that Berth does not know. */
  readonly obstacles: readonly string[]
  /** Digests of blobs that were damaged and moved aside, and that no push has brought anew. */
  readonly damaged: readonly string[]
  /** Endpoints that take no events, each with the reason. */
  readonly silent: readonly string[]
  /** Empty when metrics are off. */
  readonly metrics: readonly MetricFamily[]
}

/** What the processes of one registry are together. Metrics stay apart; `renderMetrics` adds them up. */
export interface MergedReport {
  readonly failing: FailingChecks
  readonly readiness: Readiness
  readonly unreadable: readonly string[]
  readonly obstacles: readonly string[]
  readonly damaged: readonly string[]
  readonly silent: readonly string[]
  readonly metrics: readonly (readonly MetricFamily[])[]
}

/** A check that fails in one process fails. Ready means that there are processes and all of them are ready. */
export function mergeReports(reports: readonly ProcessReport[]): MergedReport {
  const waiting = Object.assign({}, ...reports.map((report) => report.readiness.waiting)) as Readiness['waiting']
  const isReady = reports.length > 0 && reports.every((report) => report.readiness.ready)
  return {
    failing: Object.assign({}, ...reports.map((report) => report.failing)) as FailingChecks,
    readiness: {
      ready: isReady,
      waiting: reports.length > 0 ? waiting : { process: 'No process answers.' },
      scan: reports.map((report) => report.readiness.scan).find((scan) => scan !== undefined),
      duties: mergeDutyWords(reports.map((report) => report.readiness.duties)),
      ...(reports.some((report) => report.readiness.handover) ? { handover: true } : {}),
      ...(reports.some((report) => report.readiness.away) ? { away: true } : {}),
    },
    unreadable: namesOf(reports, 'unreadable'),
    obstacles: namesOf(reports, 'obstacles'),
    damaged: namesOf(reports, 'damaged'),
    silent: namesOf(reports, 'silent'),
    metrics: reports.map((report) => report.metrics),
  }
}

/** Each process knows them from the same metadata. */
function namesOf(reports: readonly ProcessReport[], of: 'unreadable' | 'obstacles' | 'damaged' | 'silent'): readonly string[] {
  return [...new Set(reports.flatMap((report) => report[of]))].sort()
}
