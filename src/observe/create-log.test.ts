import { expect, test } from 'bun:test'
import { createLog, type LogOptions } from './create-log.ts'
import type { Log } from './log.ts'

const TIME = '2026-01-02T03:04:05.678Z'

/** What a log with these options writes while `use` uses it; the time of each line is replaced by one of ours. */
function linesOf(options: Partial<LogOptions>, use: (log: Log) => void): string[] {
  const lines: string[] = []
  const output = { write: (line: string) => lines.push(line), end: async () => undefined }
  use(createLog({ level: 'info', formatter: 'text', fields: {}, ...options }, output))
  return lines.map((line) => line.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/, TIME))
}

test('a text line begins with time, level and message as registry:2 writes them; the fields follow', () => {
  const lines = linesOf({ fields: { service: 'registry' } }, (log) => {
    log
      .child({ requestId: 'a1' })
      .info('request', { method: 'GET', path: '/v2/', agent: 'docker/29 "x"', left: undefined, size: 0 })
  })

  expect(lines).toEqual([
    `time="${TIME}" level=info msg="request" service=registry requestId=a1 method=GET path=/v2/ agent="docker/29 \\"x\\"" size=0\n`,
  ])
})

test('a text line stays one line, whatever its values hold', () => {
  const [line] = linesOf({}, (log) => {
    log.error('failed', {
      error: new Error('out\nside', { cause: new TypeError('inside') }),
      range: { start: 1, end: 2 },
      tags: ['a', 'b'],
    })
  })

  expect(line?.match(/\n/g)).toHaveLength(1)
  expect(line).toContain('error="Error: out\\nside"')
  expect(line).toContain('error.cause="TypeError: inside"')
  expect(line).toContain('range.start=1 range.end=2 tags=a,b')
})

test('a text line holds nothing that a terminal acts on or shows in another order, and is still JSON where it is quoted', () => {
  const hostile = 'a\u009b31m\u0085b\u202e\u2066c\u200b\u2028d\u007f\u{e0041}é'

  const [line = ''] = linesOf({}, (log) => log.info(hostile, { agent: hostile, cause: new Error(hostile) }))

  expect(line.slice(0, -1)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
  expect(JSON.parse(/ agent=("[^"]*")/.exec(line)?.[1] ?? '')).toBe(hostile)
})

test('json lines are objects with the same facts', () => {
  const lines = linesOf({ formatter: 'json', fields: { service: 'registry' } }, (log) => {
    log.warn('disk is nearly full', { freeBytes: 17, error: new Error('outside', { cause: new Error('inside') }) })
  })

  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      time: TIME,
      level: 'warn',
      msg: 'disk is nearly full',
      service: 'registry',
      freeBytes: 17,
      error: expect.objectContaining({ message: 'outside', cause: expect.objectContaining({ message: 'inside' }) }),
    }),
  ])
})

test('logstash gets its own names', () => {
  const [line] = linesOf({ formatter: 'logstash' }, (log) => log.info('listening'))

  expect(JSON.parse(line ?? '')).toEqual({ '@timestamp': TIME, '@version': '1', level: 'info', message: 'listening' })
})

test.each(['text', 'json'] as const)('a %s log leaves out what is less grave than its level', (formatter) => {
  const lines = linesOf({ formatter, level: 'warn' }, (log) => {
    log.debug('one')
    log.info('two')
    log.warn('three')
    log.child({}).info('four')
    log.error('five')
  })

  expect(lines).toHaveLength(2)
})
