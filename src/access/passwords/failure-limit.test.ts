import { describe, expect, test } from 'bun:test'
import { FailureLimit } from './failure-limit.ts'

function limitAt(start = 0) {
  const clock = { ms: start }
  return { clock, limit: new FailureLimit({ now: () => clock.ms }) }
}

function failUntilSlowed(limit: FailureLimit, client: string | undefined): number {
  for (let failures = 0; failures < 1000; failures++) {
    if (limit.waitSeconds({ client }) !== undefined) return failures
    limit.failed({ client })
  }
  return Number.POSITIVE_INFINITY
}

describe('an address', () => {
  test('may be wrong a few times, then once in a while, and after a pause a few times again', () => {
    const { clock, limit } = limitAt()

    expect(failUntilSlowed(limit, '192.0.2.1')).toBe(20)
    expect(limit.waitSeconds({ client: '192.0.2.1' })).toBe(2)
    clock.ms += 2_000
    expect(failUntilSlowed(limit, '192.0.2.1')).toBe(1)
    clock.ms += 3_600_000
    expect(failUntilSlowed(limit, '192.0.2.1')).toBe(20)
  })

  test('is slowed alone', () => {
    const { limit } = limitAt()
    failUntilSlowed(limit, '192.0.2.1')

    expect(limit.waitSeconds({ client: '192.0.2.2' })).toBeUndefined()
    expect(limit.waitSeconds({ client: undefined })).toBeUndefined()
  })

  test('of IPv6 counts with its network, however it is written', () => {
    const { limit } = limitAt()
    failUntilSlowed(limit, '2001:db8::1')

    expect(limit.waitSeconds({ client: '2001:db8:0:0:1:2:3:4' })).toBe(2)
    expect(limit.waitSeconds({ client: '2001:db8::ffff:ffff:ffff:ffff' })).toBe(2)
    expect(limit.waitSeconds({ client: '2001:db8:0:1::1' })).toBeUndefined()
    expect(limit.waitSeconds({ client: '::1' })).toBeUndefined()
  })

  test('is forgotten when it may try again, also where no request comes any more', () => {
    const { clock, limit } = limitAt()
    limit.failed({ client: '192.0.2.1' })
    clock.ms += 30_000
    limit.failed({ client: '192.0.2.2' })
    clock.ms += 30_000
    limit.sweep()

    expect(limit.size).toBe(1)
  })

  test('that is one of very many costs no memory for ever', () => {
    const { limit } = limitAt()
    failUntilSlowed(limit, '192.0.2.1')

    for (let index = 0; index < 10_000; index++)
      limit.failed({ client: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` })

    expect(limit.waitSeconds({ client: '192.0.2.1' })).toBeUndefined()
  })
})

describe('behind a proxy', () => {
  const proxy = '10.0.0.1'

  test('a client that makes up an address for each guess is slowed all the same', () => {
    const { limit } = limitAt()
    let tries = 0
    for (; tries < 120 && limit.waitSeconds({ client: `192.0.2.${tries}`, proxy }) === undefined; tries++) {
      limit.failed({ client: `192.0.2.${tries}`, proxy })
    }

    expect(tries).toBe(60)
    expect(limit.waitSeconds({ client: '203.0.113.1', proxy })).toBe(1)
    expect(limit.waitSeconds({ client: '203.0.113.1', proxy: '10.0.0.2' })).toBeUndefined()
    expect(limit.waitSeconds({ client: proxy })).toBeUndefined()
  })

  test('one client that guesses without end keeps no other from logging in', () => {
    const { clock, limit } = limitAt()
    const guesser = { client: '192.0.2.1', proxy }

    for (let second = 0; second < 3600; second++, clock.ms += 1_000) {
      while (limit.waitSeconds(guesser) === undefined) limit.failed(guesser)
      expect(limit.waitSeconds({ client: '192.0.2.2', proxy })).toBeUndefined()
    }
  })

  test('that the operator has named many clients may be wrong at once', () => {
    const limit = new FailureLimit({ namesProxies: true, now: () => 0 })

    for (let index = 0; index < 599; index++) limit.failed({ client: `192.0.2.${index % 200}`, proxy })

    expect(limit.waitSeconds({ client: '203.0.113.1', proxy })).toBeUndefined()
  })
})
