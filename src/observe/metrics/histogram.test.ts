import { expect, test } from 'bun:test'
import { Histogram } from './histogram.ts'

test('a histogram counts each value in every bucket that holds it', () => {
  const histogram = new Histogram([1, 10])

  for (const value of [0.5, 1, 2, 10, 11]) histogram.observe(value)

  expect(histogram.values('x', { a: 'b' })).toEqual([
    { value: 2, labels: { a: 'b', le: 1 }, metricName: 'x_bucket' },
    { value: 4, labels: { a: 'b', le: 10 }, metricName: 'x_bucket' },
    { value: 5, labels: { a: 'b', le: '+Inf' }, metricName: 'x_bucket' },
    { value: 24.5, labels: { a: 'b' }, metricName: 'x_sum' },
    { value: 5, labels: { a: 'b' }, metricName: 'x_count' },
  ])
})
