import { afterEach, describe, expect, test } from 'bun:test'
import { poll } from '../../../test/support/processes.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import type { HealthCheck } from './health-check.ts'
import { HealthMonitor } from './health-monitor.ts'

const monitors: HealthMonitor[] = []
afterEach(() => {
  for (const monitor of monitors.splice(0)) monitor.stop()
})

describe('a health check', () => {
  test('fails after as many failures in a row as the threshold says, and passes with the first success', async () => {
    const answers = [false, false, true, false, false, false, true]
    const seen: boolean[] = []
    const { monitor } = watch({
      threshold: 3,
      run: async () => {
        seen.push(monitor.isHealthy)
        if (answers[seen.length - 1] === false) throw new Error('no answer')
      },
    })

    await poll('eight looks', 90_000, async () => (seen.length >= 8 ? true : undefined))

    // Each look sees what the one before it has left.
    expect(seen.slice(0, 8)).toEqual([true, true, true, true, true, true, false, true])
  })

  test('fails also while another one of the same name passes', async () => {
    let looks = 0
    const failing = async () => {
      looks += 1
      throw new Error(`look ${looks}`)
    }
    const well = { name: 'the check', intervalMs: 1, threshold: 1, run: async () => undefined }
    const ill = { ...well, run: failing }
    const monitor = new HealthMonitor([ill, well], new RecordedLog())
    monitors.push(monitor)

    await poll('two looks', 90_000, async () => (looks >= 2 ? true : undefined))

    expect(monitor.failing).toEqual({ 'the check': expect.stringMatching(/^look \d+$/) })
  })

  test('is named with its reason while it fails, and has a line in the log when it begins and ends to fail', async () => {
    let isWell = false
    const { monitor, log } = watch({
      run: async () => {
        if (!isWell) throw new Error('file exists')
      },
    })

    const line = await log.line(({ message }) => message === 'health check fails, requests are refused')
    const failing = monitor.failing
    isWell = true
    await log.line(({ message }) => message === 'health check passes again')

    expect(line).toMatchObject({ level: 'error', fields: { check: 'the check', reason: 'file exists' } })
    expect(failing).toEqual({ 'the check': 'file exists' })
    expect(monitor.failing).toEqual({})
    expect(log.lines).toHaveLength(2)
  })

  test('that does not answer in time has failed, is told to give up, and is not asked again meanwhile', async () => {
    let asked = 0
    const gaveUp = Promise.withResolvers<void>()
    const { monitor, log } = watch({
      timeoutMs: 5,
      run: async (signal) => {
        asked += 1
        signal.addEventListener('abort', () => gaveUp.resolve())
        await new Promise(() => undefined)
      },
    })

    await gaveUp.promise
    await log.line(({ message }) => message.startsWith('health check fails'))

    expect(monitor.failing).toEqual({ 'the check': 'no answer within 0.005 s' })
    expect(asked).toBe(1)
  })

  test('is not made before its interval is over: until then all is well', () => {
    let asked = 0
    const { monitor } = watch({
      intervalMs: 60_000,
      run: async () => {
        asked += 1
      },
    })

    expect(monitor.isHealthy).toBeTrue()
    expect(asked).toBe(0)
  })
})

function watch(check: Pick<HealthCheck, 'run'> & Partial<HealthCheck>) {
  const log = new RecordedLog()
  const monitor = new HealthMonitor([{ name: 'the check', intervalMs: 10, threshold: 1, ...check }], log)
  monitors.push(monitor)
  return { monitor, log }
}
