import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { basic } from '../support/app-in-test.ts'
import { contentOf } from '../support/images.ts'
import { expectLeastBelow } from '../support/least-measured.ts'
import { OperatedRegistry } from '../support/operated-registry.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** How long things take when many log in, or somebody tries to learn from it. The registry is a program of its own. */

setDefaultTimeout(300_000)

const COST = 8
const LOGINS = 200
const ROUNDS = 8
const LIMIT_MS = 50
const CONTENT = contentOf('application/octet-stream', Buffer.from('pulled all the time'))

const resources = new AsyncDisposableStack()
let berth: OperatedRegistry

beforeAll(async () => {
  const folder = resources.use(new TemporaryFolder())
  const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: COST })
  const users = Array.from({ length: LOGINS * ROUNDS + 1 }, (_, index) => `user-${index}`)
  const path = await folder.file('htpasswd', users.map((user) => `${user}:${hash}\n`).join(''))
  berth = resources.use(await OperatedRegistry.start('Berth', { more: sections(path) }))
  const pushed = await berth.client.request('POST', `/v2/a/blobs/uploads/?digest=${CONTENT.digest}`, {
    headers: basic(`user-${LOGINS * ROUNDS}`, 'secret'),
    body: CONTENT.bytes.slice(),
  })
  expect(pushed.status).toBe(201)
})
afterAll(async () => await resources.disposeAsync())

/** Everybody may pull, and whoever has a name may push. */
function sections(path: string): string {
  return `auth: {htpasswd: {realm: a, path: ${path}}}
access:
  rules:
    - {who: [authenticated], repositories: ['**'], can: [pull, push]}
    - {who: [anonymous], repositories: ['**'], can: [pull]}
`
}

async function pullMs(): Promise<number> {
  const startedAt = performance.now()
  const response = await berth.client.request('GET', `/v2/a/blobs/${CONTENT.digest}`)
  await response.bytes()
  expect(response.status).toBe(200)
  return performance.now() - startedAt
}

/** Pulls one after the other for as long as something else goes on. */
async function pullsDuring(work: Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = []
  const state = { isOver: false }
  const over = work.finally(() => {
    state.isOver = true
  })
  while (!state.isOver) times.push(await pullMs())
  await over
  return times
}

async function logIn(user: string): Promise<number> {
  const response = await berth.client.request('GET', '/v2/', { headers: basic(user, 'secret') })
  await response.bytes()
  return response.status
}

function quantile(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN
}

test(`a burst of ${LOGINS} logins delays an anonymous pull by no more than ${LIMIT_MS} ms at p99, in the best of some rounds`, async () => {
  const limit = { what: `the delay by ${LOGINS} logins`, unit: 'ms at p99', limit: LIMIT_MS, rounds: ROUNDS }
  let round = 0

  await expectLeastBelow(limit, async () => {
    const idle = quantile(await pullsDuring(Bun.sleep(1_000)), 0.99)
    const burst = Promise.all(Array.from({ length: LOGINS }, (_, index) => logIn(`user-${round * LOGINS + index}`)))
    const busy = quantile(await pullsDuring(burst), 0.99)
    expect(new Set(await burst)).toEqual(new Set([200]))
    round += 1
    return busy - idle
  })
})

test('a wrong password takes as long for a user that nobody is', async () => {
  const times = { known: [] as number[], unknown: [] as number[] }
  for (let index = 0; index < 25; index++) {
    for (const kind of ['known', 'unknown'] as const) {
      const user = kind === 'known' ? 'user-0' : `nobody-${index}`
      // Each from an address of its own, so that none is slowed.
      const headers = { ...basic(user, `guess ${index}`), 'x-forwarded-for': `192.0.2.${index}` }
      const startedAt = performance.now()
      const response = await berth.client.request('GET', '/v2/', { headers })
      expect(response.status).toBe(401)
      times[kind].push(performance.now() - startedAt)
    }
  }

  // The least of many: whatever else the machine does only adds to it.
  const ratio = Math.min(...times.known) / Math.min(...times.unknown)
  expect(ratio).toBeGreaterThan(0.6)
  expect(ratio).toBeLessThan(1.6)
})
