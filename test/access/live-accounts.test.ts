import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry } from '../support/access-registry.ts'
import { makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'

/** Each command is a program of its own, and a machine may be busy. */
setDefaultTimeout(120_000)

const ACCESS = `  rules:
    - {who: [anonymous], repositories: [public/**], can: [pull]}
    - {who: ['group:team'], repositories: ['team/**'], can: [pull, push, list]}
    - {who: [authenticated], repositories: ['public/**'], can: [pull, push, list]}
`

/** Between two requests of a client: the commands come to their turn, too. */
const PAUSE_MS = 5

const IMAGE = makeImage('live')
let registry: AccessRegistry

beforeAll(async () => {
  registry = await AccessRegistry.start({ access: ACCESS, processes: 2 })
  await registry.addUser('operator', 'operator-secret')
})
afterAll(async () => await registry[Symbol.asyncDispose]())

describe('what a command changes holds for the next request, in both processes', () => {
  test('a user who is added during traffic is let in, and no other request fails', async () => {
    const traffic = new Traffic(registry)
    await traffic.started

    for (let number = 0; number < 3; number += 1) {
      const name = `new-${number}`
      expect(await statuses(name, 'a-secret')).toEqual(new Set([401]))
      await registry.berth(['user', 'add', name, '--password-stdin'], 'a-secret')
      expect(await statuses(name, 'a-secret')).toEqual(new Set([200]))
    }

    const { count, failures } = await traffic.end()
    expect(failures).toEqual([])
    expect(count).toBeGreaterThan(50)
  })

  test('a password that was changed is void at once, with every token that it brought', async () => {
    await registry.addUser('changing', 'first-secret')
    const token = await registry.token(['repository:public/app:pull'], 'changing', 'first-secret')
    const refresh = await refreshToken('changing', 'first-secret')
    expect(await statuses('changing', 'first-secret')).toEqual(new Set([200]))
    expect(await bearerStatuses(token)).toEqual(new Set([200]))

    await registry.berth(['user', 'passwd', 'changing', '--password-stdin'], 'second-secret')

    expect(await statuses('changing', 'first-secret')).toEqual(new Set([401]))
    expect(await bearerStatuses(token)).toEqual(new Set([401]))
    expect((await askWithRefreshToken(refresh)).status).toBe(401)
    expect(await statuses('changing', 'second-secret')).toEqual(new Set([200]))
  })

  test('a user who is removed is out at once, also with the same name and password again', async () => {
    await registry.addUser('leaving', 'leaving-secret', 'team')
    const token = await registry.token(['repository:team/app:pull,push'], 'leaving', 'leaving-secret')
    expect(await bearerStatuses(token)).toEqual(new Set([200]))

    await registry.berth(['user', 'remove', 'leaving'])
    expect(await statuses('leaving', 'leaving-secret')).toEqual(new Set([401]))
    expect(await bearerStatuses(token)).toEqual(new Set([401]))
    await registry.addUser('leaving', 'leaving-secret')

    expect(await bearerStatuses(token)).toEqual(new Set([401]))
    expect((await registry.basic('leaving', 'leaving-secret').headManifest('team/app', 'latest')).status).toBe(404)
    expect((await push('leaving', 'leaving-secret', 'team/app')).status).toBe(403)
  })

  test('who joins a group may at once what it may, and who leaves it no more, with the same password and token', async () => {
    await registry.addUser('joining', 'joining-secret')
    expect((await push('joining', 'joining-secret', 'team/joined')).status).toBe(403)

    await registry.berth(['group', 'add', 'team', 'joining'])
    expect((await push('joining', 'joining-secret', 'team/joined')).status).toBe(202)
    const bearer = await registry.bearer(['repository:team/joined:pull,push'], 'joining', 'joining-secret')
    await expectStatus(await bearer.request('POST', '/v2/team/joined/blobs/uploads/'), 202)

    await registry.berth(['group', 'remove', 'team', 'joining'])
    expect((await push('joining', 'joining-secret', 'team/joined')).status).toBe(403)
    expect((await bearer.request('POST', '/v2/team/joined/blobs/uploads/')).status).toBe(403)
  })

  test('a token that is revoked is void at once, with what it brought', async () => {
    const secret = await registry.addRobot('builder', '--scope', 'team/**:pull,push')
    const token = await registry.token(['repository:team/app:pull,push'], 'builder', secret)
    expect((await push('builder', secret, 'team/app')).status).toBe(202)
    expect(await bearerStatuses(token)).toEqual(new Set([200]))

    await registry.berth(['token', 'revoke', 'builder'])

    expect(await statuses('builder', secret)).toEqual(new Set([401]))
    expect(await bearerStatuses(token)).toEqual(new Set([401]))
  })

  test('accounts and keys outlive the metadata database and every process', async () => {
    await registry.addUser('staying', 'staying-secret')
    const token = await registry.token([], 'staying', 'staying-secret')

    for (const pid of await workers()) process.kill(pid, 'SIGKILL')
    await registry.program.waitForOutput(
      /msg="worker ended, starting another"[\s\S]*msg="worker ended, starting another"/,
      90_000,
    )

    expect(await eventually(() => statuses('staying', 'staying-secret'))).toEqual(new Set([200]))
    expect(await bearerStatuses(token)).toEqual(new Set([200]))
  })
})

/** Each request on a connection of its own, so that both processes get some; few, because an address that fails often must wait. */
async function statuses(name: string, password: string): Promise<Set<number>> {
  return await statusesOf(registry.basic(name, password))
}

async function bearerStatuses(token: string): Promise<Set<number>> {
  return await statusesOf(registry.client({ authorization: `Bearer ${token}` }))
}

async function statusesOf(client: ReturnType<AccessRegistry['client']>): Promise<Set<number>> {
  const asked = Array.from({ length: 4 }, () => client.request('GET', '/v2/', { headers: { connection: 'close' } }))
  return new Set((await Promise.all(asked)).map(({ status }) => status))
}

async function push(name: string, password: string, repository: string): Promise<Response> {
  return await registry.basic(name, password).request('POST', `/v2/${repository}/blobs/uploads/`)
}

async function refreshToken(name: string, password: string): Promise<string> {
  const response = await registry.basic(name, password).request('GET', '/v2/token?service=berth&offline_token=true')
  return ((await response.json()) as { refresh_token: string }).refresh_token
}

async function askWithRefreshToken(token: string): Promise<Response> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, service: 'berth', client_id: 'test' })
  return await registry.client().request('POST', '/v2/token', { body })
}

async function workers(): Promise<number[]> {
  const { pid } = registry.program
  const children = await Bun.file(`/proc/${pid}/task/${pid}/children`).text()
  return children.trim().split(' ').map(Number)
}

/** Killed processes reset the connections that they had. */
async function eventually<Result>(ask: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await Bun.sleep(50)
    }
  }
}

/** Others who pull, push and log in all the while. */
class Traffic {
  readonly started: Promise<void>
  readonly #registry: AccessRegistry
  readonly #failures: string[] = []
  readonly #clients: Promise<void>[]
  #isOver = false
  #count = 0

  constructor(of: AccessRegistry) {
    this.#registry = of
    const operator = of.basic('operator', 'operator-secret')
    const prepared = this.#prepare(operator)
    this.started = prepared
    this.#clients = [
      this.#repeat(prepared, 200, () => of.client().headManifest('public/app', 'latest')),
      this.#repeat(prepared, 200, () => operator.getManifest('public/app', 'latest')),
      this.#repeat(prepared, 200, () => operator.request('GET', '/v2/_catalog')),
      this.#repeat(prepared, 200, () => of.askToken(['repository:public/app:pull'], 'operator', 'operator-secret')),
      this.#repeat(prepared, 201, () => operator.putManifest('public/app', 'again', IMAGE.manifest)),
    ]
  }

  async end(): Promise<{ readonly count: number; readonly failures: readonly string[] }> {
    this.#isOver = true
    await Promise.all(this.#clients)
    return { count: this.#count, failures: this.#failures }
  }

  async #prepare(operator: ReturnType<AccessRegistry['client']>): Promise<void> {
    for (const blob of [IMAGE.config, ...IMAGE.layers]) await operator.pushBlob('public/app', blob)
    await expectStatus(await operator.putManifest('public/app', 'latest', IMAGE.manifest), 201)
    await this.#registry.token([])
  }

  async #repeat(prepared: Promise<void>, expected: number, ask: () => Promise<Response>): Promise<void> {
    await prepared
    while (!this.#isOver) {
      const outcome = await ask().catch((error: unknown) => String(error))
      this.#count += 1
      if (typeof outcome === 'string') this.#failures.push(outcome)
      else if (outcome.status !== expected) this.#failures.push(`${outcome.url} answered ${outcome.status}`)
      if (typeof outcome !== 'string') await outcome.arrayBuffer()
      await Bun.sleep(PAUSE_MS)
    }
  }
}
