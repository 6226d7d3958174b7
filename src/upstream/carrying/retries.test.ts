import { describe, expect, test } from 'bun:test'
import { UpstreamFailure } from '../upstream-failure.ts'
import { RateLimit } from './rate-limit.ts'
import { Retries } from './retries.ts'

const NEVER = new AbortController().signal

function failure(facts: {
  readonly status?: number
  readonly retryAfterSeconds?: number
  readonly mayPass?: boolean
}): UpstreamFailure {
  return new UpstreamFailure('UNAVAILABLE', { message: 'It failed.', mayPass: true, ...facts })
}

/** Fails so often, then answers. */
function failing(...failures: readonly Error[]) {
  const left = [...failures]
  return async () => {
    const next = left.shift()
    if (next !== undefined) throw next
    return 'answer'
  }
}

function retries(tries = 8) {
  const waitedMs: number[] = []
  return { waitedMs, retries: new Retries({ tries, wait: async (ms) => void waitedMs.push(Math.round(ms)) }) }
}

describe('a question that failed', () => {
  test('is asked again after a pause that doubles, or after so long as the registry says', async () => {
    const { waitedMs, retries: asked } = retries()

    expect(await asked.run(failing(failure({}), failure({ retryAfterSeconds: 7 }), failure({})), NEVER)).toBe('answer')

    expect(waitedMs).toEqual([500, 7000, 2000])
  })

  test('is asked so often and no more, and not at all where it may not pass, or the registry wants hours', async () => {
    const { waitedMs, retries: asked } = retries(3)
    const [one, two, three] = [failure({}), failure({}), failure({})]

    await expect(asked.run(failing(one, two, three), NEVER)).rejects.toBe(three)
    await expect(asked.run(failing(failure({ mayPass: false })), NEVER)).rejects.toThrow('It failed.')
    await expect(asked.run(failing(new TypeError('a bug')), NEVER)).rejects.toThrow('a bug')
    await expect(asked.run(failing(failure({ retryAfterSeconds: 7200 })), NEVER)).rejects.toThrow('It failed.')

    expect(waitedMs).toEqual([500, 1000])
  })

  test('is asked four times of a registry that is away, and eight times of one that has had too many requests', async () => {
    const { waitedMs, retries: asked } = retries()
    const always = (status: number) => async () => {
      throw failure({ status })
    }

    await expect(asked.run(always(503), NEVER)).rejects.toThrow('It failed.')
    expect(waitedMs).toHaveLength(3)
    await expect(asked.run(always(429), NEVER)).rejects.toThrow('It failed.')
    expect(waitedMs.filter((ms) => ms > 0).length).toBeGreaterThanOrEqual(3 + 7)
  })

  test('with 429 keeps other questions back too, as long as the registry says', async () => {
    const { waitedMs, retries: asked } = retries()

    await asked.run(failing(failure({ status: 429, retryAfterSeconds: 60 })), NEVER)
    await asked.run(failing(), NEVER)

    // The clock of the test has hardly moved.
    expect(waitedMs.map((ms) => Math.round(ms / 1000))).toEqual([60, 60, 60])
  })
})

test('a rate lets so many bytes pass in a second, for all that share it', async () => {
  let nowMs = 0
  const wait = async (ms: number) => {
    nowMs += ms
  }
  const rate = new RateLimit({ bytesPerSecond: 1000, now: () => nowMs, wait })

  for (let piece = 0; piece < 100; piece += 1) await rate.pass(100, NEVER)

  expect(nowMs).toBe(9_800)
  // What was not used is not saved up.
  nowMs += 60_000
  await rate.pass(1000, NEVER)
  expect(nowMs).toBe(70_600)
})
