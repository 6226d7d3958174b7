import { describe, expect, test } from 'bun:test'
import { SERVER_KIND, type Span } from './span.ts'
import { SpanQueue } from './span-queue.ts'

const OPTIONS = { delayMs: 60_000, maxSpans: 4, maxBatch: 2 }

describe('spans', () => {
  test('leave as soon as a batch is full, and the rest when the queue stops', async () => {
    const sent: string[][] = []
    const queue = new SpanQueue({
      ...OPTIONS,
      send: async (spans) => {
        sent.push(spans.map(({ name }) => name))
        return 'done'
      },
    })

    for (const name of ['a', 'b', 'c']) queue.add(span(name))
    await queue.stop()

    expect(sent).toEqual([['a', 'b'], ['c']])
  })

  test('beyond what fits are dropped and counted, whatever the collector does', async () => {
    const gate = Promise.withResolvers<'done'>()
    const queue = new SpanQueue({ ...OPTIONS, send: () => gate.promise })

    // Two are on their way, four wait.
    for (const name of 'abcdefgh') queue.add(span(name))
    const dropped = queue.dropped
    gate.resolve('done')
    await queue.stop()

    expect(dropped).toBe(2)
  })

  test('that were not taken are sent again, in their order', async () => {
    const sent: string[] = []
    let isAway = true
    const queue = new SpanQueue({
      ...OPTIONS,
      send: async (spans) => {
        if (isAway) return 'again'
        sent.push(...spans.map(({ name }) => name))
        return 'done'
      },
    })

    for (const name of 'ab') queue.add(span(name))
    await Promise.resolve()
    isAway = false
    queue.add(span('c'))
    await queue.stop()

    expect(sent.join('')).toBe('abc')
  })
})

function span(name: string): Span {
  return {
    traceId: '1',
    spanId: '1',
    name,
    kind: SERVER_KIND,
    startTimeUnixNano: '0',
    endTimeUnixNano: '1',
    attributes: [],
    status: {},
  }
}
