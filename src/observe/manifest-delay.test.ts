import { expect, test } from 'bun:test'
import type { Exchange, HandlerName } from './exchange.ts'
import { ManifestDelay } from './manifest-delay.ts'

let nowMs = 0

function delayAfter(...requests: readonly [count: number, durationMs: number, handler?: HandlerName, method?: string][]) {
  const delay = new ManifestDelay(() => nowMs)
  for (const [count, durationMs, handler = 'manifest', method = 'GET'] of requests)
    for (let sent = 0; sent < count; sent += 1)
      delay.ended({ handler, durationMs, request: new Request('http://registry/', { method }) } as Exchange)
  return delay
}

test.each([
  ['no request', [], false],
  ['quick GETs', [[1000, 49]], false],
  [
    'one slow manifest GET of a hundred',
    [
      [99, 1],
      [1, 51],
    ],
    false,
  ],
  [
    'two slow manifest GETs of a hundred',
    [
      [98, 1],
      [2, 51],
    ],
    true,
  ],
  ['slow GETs of blobs', [[100, 51, 'blob']], false],
  ['slow pushes of manifests', [[100, 51, 'manifest', 'PUT']], false],
] as const)('%s: whether manifest GETs take long', (_, requests, isLong) => {
  expect(delayAfter(...requests.map((one) => [...one] as [number, number, HandlerName?, string?])).isLong).toBe(isLong)
})

test('what took long is forgotten after 20 seconds', () => {
  nowMs = 0
  const delay = delayAfter([1, 51])
  nowMs = 19_999
  expect(delay.isLong).toBe(true)
  nowMs = 30_000
  expect(delay.isLong).toBe(false)
})

test.each([
  ['fifty requests of any kind', [[50, 1, 'blob_upload']], false],
  ['more', [[51, 1, 'blob']], true],
] as const)('%s: whether clients are served, forgotten after 20 seconds', (_, requests, isServing) => {
  nowMs = 0
  const delay = delayAfter(...requests.map((one) => [...one] as [number, number, HandlerName]))

  nowMs = 19_999
  expect(delay.isServing).toBe(isServing)
  nowMs = 30_000
  expect(delay.isServing).toBe(false)
})
