import { expect, test } from 'bun:test'
import { createLog } from './create-log.ts'
import type { LogFields } from './log.ts'

test('with log.reportcaller each line names the function and the place that wrote it', () => {
  const lines: LogFields[] = []
  const output = { write: (line: string) => lines.push(JSON.parse(line)), end: async () => undefined }
  const log = createLog({ level: 'info', formatter: 'json', fields: { service: 'registry' }, reportCaller: true }, output)

  function writeALine() {
    log.child({ part: 'x' }).warn('message', { a: 1 })
  }
  writeALine()

  expect(lines).toEqual([
    expect.objectContaining({
      service: 'registry',
      part: 'x',
      msg: 'message',
      a: 1,
      func: 'writeALine',
      file: expect.stringMatching(/caller-log\.test\.ts:\d+$/),
    }),
  ])
})
