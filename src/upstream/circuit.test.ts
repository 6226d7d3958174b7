import { expect, test } from 'bun:test'
import { Circuit } from './circuit.ts'
import { noAnswer, refusal, type UpstreamFailure } from './upstream-failure.ts'

const DOWN = noAnswer('The upstream a', new Error('connection refused'))

/** A server that fails as long as it is told to, and a clock that a test turns. */
function circuitWith() {
  const server = { failure: DOWN as UpstreamFailure | undefined, asked: 0, nowMs: 0 }
  const changes: boolean[] = []
  const circuit = new Circuit({ now: () => server.nowMs, onChange: (failure) => changes.push(failure !== undefined) })
  const ask = async () => {
    server.asked += 1
    if (server.failure !== undefined) throw server.failure
    return 'answer'
  }
  const outcome = async () =>
    await circuit.ask(ask, () => undefined).catch((error: unknown) => (error instanceof Error ? error.message : 'no error'))
  const times = async (count: number) => {
    for (let time = 0; time < count; time += 1) await outcome()
  }
  return { server, changes, circuit, outcome, times }
}

test('a server that fails five times in a row is left alone, and the failure is told at once', async () => {
  const { server, changes, outcome, times } = circuitWith()

  await times(8)

  expect(server.asked).toBe(5)
  expect(await outcome()).toBe(
    'The upstream a does not answer as it should: connection refused; it has failed several times and is asked again in 5 s.',
  )
  expect(changes).toEqual([true])
})

test('it is tried again by one request when the pause is over; the pause doubles up to a minute', async () => {
  const { server, times } = circuitWith()
  await times(5)

  for (const pauseMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    const { asked } = server
    server.nowMs += pauseMs - 1
    await times(3)
    expect(server.asked).toBe(asked)
    server.nowMs += 1
    await times(3)
    expect(server.asked).toBe(asked + 1)
  }
})

test('while one request tries it, the others do not wait', async () => {
  const { server, circuit, outcome, times } = circuitWith()
  await times(5)
  server.nowMs = 5_000
  const answer = Promise.withResolvers<string>()

  const trying = circuit.ask(
    () => answer.promise,
    () => undefined,
  )
  expect(await outcome()).toContain('asked again')
  answer.resolve('it is back')

  expect(await trying).toBe('it is back')
  server.failure = undefined
  expect(await outcome()).toBe('answer')
})

test('an answer ends the count, and a refusal is an answer', async () => {
  const { server, changes, outcome, times } = circuitWith()
  await times(4)
  server.failure = refusal('The upstream a', { status: 401, headers: new Headers() })
  await times(1)
  server.failure = DOWN
  await times(4)
  server.failure = undefined

  expect(await outcome()).toBe('answer')
  expect(changes).toEqual([])
})

test('what came as an answer may be a failure too', async () => {
  const { circuit, server } = circuitWith()
  const failure = refusal('The upstream a', { status: 502, headers: new Headers() })
  const asked = async () => {
    server.asked += 1
    return 'bad gateway'
  }

  for (let time = 0; time < 5; time += 1) expect(await circuit.ask(asked, () => failure)).toBe('bad gateway')

  await expect(circuit.ask(asked, () => failure)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    status: 502,
    retryAfterSeconds: 5,
  })
  expect(server.asked).toBe(5)
})

test('a request that is given up says nothing of the server, which is tried by the next one', async () => {
  const { circuit, server, outcome, times } = circuitWith()
  await times(5)
  server.nowMs = 5_000
  const givenUp = circuit.ask(
    async () => {
      throw new Error('the registry stops')
    },
    () => undefined,
  )
  await expect(givenUp).rejects.toThrow('the registry stops')
  server.failure = undefined

  expect(await outcome()).toBe('answer')
})
