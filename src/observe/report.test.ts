import { describe, expect, test } from 'bun:test'
import { gauge, type MetricFamily } from './metrics/family.ts'
import { renderMetrics } from './metrics/prometheus.ts'
import { RequestMetrics } from './metrics/request-metrics.ts'
import { mergeReports, type ProcessReport } from './report.ts'

const scan = { epoch: 3, complete: false, names: true, scanned: 0.5 }
const well: ProcessReport = {
  failing: {},
  readiness: { ready: true, waiting: {}, scan, duties: { scan: 'held', uploads: 'free' } },
  unreadable: [],
  obstacles: [],
  damaged: [],
  silent: [],
  metrics: [],
}
const ill: ProcessReport = {
  failing: { storagedriver_filesystem: 'EIO' },
  readiness: {
    ready: false,
    waiting: { storage: 'It does not answer.' },
    scan: undefined,
    duties: { scan: 'free', uploads: 'failing' },
  },
  unreadable: [],
  obstacles: [],
  damaged: [],
  silent: [],
  metrics: [],
}

describe('several processes as one', () => {
  test('are well and ready when each of them is', () => {
    expect(mergeReports([well, well])).toMatchObject({ failing: {}, readiness: { ready: true, waiting: {}, scan } })
  })

  test('fail what one of them fails, and say why they are not ready', () => {
    expect(mergeReports([well, ill])).toMatchObject({
      failing: { storagedriver_filesystem: 'EIO' },
      readiness: { ready: false, waiting: { storage: 'It does not answer.' }, scan },
    })
  })

  test('are not ready when none of them answers', () => {
    expect(mergeReports([]).readiness.ready).toBeFalse()
  })

  test('have a duty when one of them has it, and fail in it when that one fails', () => {
    const duties = { scan: 'held', uploads: 'failing' } as const

    expect(mergeReports([well, ill]).readiness.duties).toEqual(duties)
    expect(mergeReports([ill, well]).readiness.duties).toEqual(duties)
    expect(mergeReports([]).readiness.duties).toEqual({})
  })

  test('survive the way through a channel that speaks JSON', () => {
    expect(mergeReports([JSON.parse(JSON.stringify(well)), JSON.parse(JSON.stringify(ill))])).toEqual(mergeReports([well, ill]))
  })
})

describe('metrics of several processes', () => {
  test('add up what was counted and keep one of what all see alike', async () => {
    const epoch = gauge({ name: 'berth_epoch', help: 'x', aggregator: 'max', value: 7 })

    const text = await renderMetrics([
      [epoch, ...counted(2)],
      [epoch, ...counted(3)],
    ])

    expect(text).toContain('berth_epoch 7\n')
    expect(text).toContain('registry_http_requests_total{handler="base",method="get",code="200"} 5\n')
    expect(text).toContain('registry_http_request_duration_seconds_bucket{handler="base",method="get",le="0.005"} 5\n')
    expect(text).toContain('registry_http_in_flight_requests{handler="base"} 0\n')
  })
})

function counted(requests: number): MetricFamily[] {
  const metrics = new RequestMetrics()
  for (let request = 0; request < requests; request += 1) {
    metrics.routed('base')
    metrics.ended({
      request: new Request('http://localhost/v2/'),
      target: '/v2/',
      requestId: '0',
      client: undefined,
      handler: 'base',
      status: 200,
      answeredBytes: undefined,
      errorCode: undefined,
      caller: undefined,
      denial: undefined,
      startedAtMs: 0,
      durationMs: 1,
    })
  }
  return JSON.parse(JSON.stringify(metrics.families()))
}
