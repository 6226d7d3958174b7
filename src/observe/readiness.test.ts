import { expect, test } from 'bun:test'
import { type ReadinessOptions, ReadinessProbe } from './readiness.ts'

const SCAN = { epoch: 2, complete: false, names: true, scanned: 0.25 }
const DUTIES = { scan: 'held', uploads: 'free' } as const

test('ready is what answers and is not stopping; the scan says how far it is', async () => {
  const { probe } = probeOf({})

  expect(await probe.look()).toEqual({ ready: true, waiting: {}, scan: SCAN, duties: DUTIES })
})

test('what does not answer is named, and its reason is for the log alone', async () => {
  const { probe, changes } = probeOf({
    askStorage: async () => {
      throw new Error('EIO: /var/lib/registry')
    },
  })

  const look = await probe.look()

  expect(look).toEqual({
    ready: false,
    waiting: { storage: 'It does not answer; the log has the reason.' },
    scan: SCAN,
    duties: DUTIES,
  })
  expect(changes).toEqual([['storage', 'EIO: /var/lib/registry']])
})

test('without metadata nothing is known of the scan', async () => {
  const { probe } = probeOf({ askMetadata: () => Promise.reject(new Error('disk I/O error')) })

  expect(await probe.look()).toMatchObject({ ready: false, waiting: { metadata: expect.any(String) }, scan: undefined })
})

test('a failing health check and the end of the process are reasons too', async () => {
  const { probe } = probeOf({ isHealthy: () => false })

  probe.drain()

  expect(Object.keys((await probe.look()).waiting)).toEqual(['health', 'draining'])
})

test('probes that come together look once', async () => {
  let looks = 0
  const { probe } = probeOf({
    askStorage: async () => {
      looks += 1
    },
  })

  await Promise.all([probe.look(), probe.look(), probe.look()])

  expect(looks).toBe(1)
})

function probeOf(options: Partial<ReadinessOptions>) {
  const changes: [part: string, reason: string | undefined][] = []
  const probe = new ReadinessProbe({
    askStorage: async () => undefined,
    askMetadata: async () => SCAN,
    duties: () => DUTIES,
    isHealthy: () => true,
    isHandingOver: () => false,
    isAway: () => false,
    onChange: (part, error) => changes.push([part, error?.message]),
    ...options,
  })
  return { probe, changes }
}
