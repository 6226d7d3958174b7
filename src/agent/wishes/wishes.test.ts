import { describe, expect, test } from 'bun:test'
import { type Defaults, readWishes } from './wishes.ts'

const DEFAULTS: Defaults = { all: false, scope: undefined, strategy: 'stop-first', windows: [] }
const WATCHTOWER = 'com.centurylinklabs.watchtower'

function read(labels: Readonly<Record<string, string>>, defaults: Partial<Defaults> = {}) {
  return readWishes(labels, { ...DEFAULTS, ...defaults })
}

function wished(labels: Readonly<Record<string, string>>, defaults: Partial<Defaults> = {}) {
  const reading = read(labels, defaults)
  return reading.kind === 'wished' ? reading.wishes : undefined
}

describe('which containers are kept', () => {
  test.each([
    [{}, false, 'not ours'],
    [{}, true, 'wished'],
    [{ 'berth.deploy': 'true' }, false, 'wished'],
    [{ 'berth.deploy': 'false' }, true, 'not ours'],
    [{ 'berth.deploy': 'watch' }, false, 'wished'],
    [{ [`${WATCHTOWER}.enable`]: 'true' }, false, 'wished'],
    [{ [`${WATCHTOWER}.enable`]: 'false' }, true, 'not ours'],
    [{ [`${WATCHTOWER}.enable`]: 'true', 'berth.deploy': 'false' }, true, 'not ours'],
    [{ [`${WATCHTOWER}.enable`]: 'false', [`${WATCHTOWER}.monitor-only`]: 'true' }, true, 'not ours'],
    [{ 'berth.deploy': 'yes' }, false, 'wrong'],
  ])('%p, with --all %p, is %s', (labels, all, kind) => {
    expect(read(labels, { all }).kind).toBe(kind as never)
  })

  test('an agent with a scope keeps those of the scope, and one without keeps the others', () => {
    const labels = { 'berth.deploy': 'true' }
    const scoped = { ...labels, [`${WATCHTOWER}.scope`]: 'web' }

    expect([read(labels, { scope: 'web' }), read(scoped, { scope: 'web' }), read(scoped)].map(({ kind }) => kind)).toEqual([
      'not ours',
      'wished',
      'not ours',
    ])
  })
})

describe('how they are kept', () => {
  test('labels go before what the command line says', () => {
    const labels = { 'berth.deploy': 'true', 'berth.strategy': 'start-first', 'berth.timeout': '2m', 'berth.settle': '3s' }

    expect(wished(labels)).toMatchObject({ mode: 'deploy', strategy: 'start-first', healthyMs: 120_000, settleMs: 3_000 })
    expect(wished({ 'berth.deploy': 'true' }, { strategy: 'start-first' })).toMatchObject({
      strategy: 'start-first',
      settleMs: 10_000,
    })
  })

  test("Watchtower's labels mean what they meant, and a failing post-update takes nothing back", () => {
    const labels = {
      [`${WATCHTOWER}.monitor-only`]: 'true',
      [`${WATCHTOWER}.no-pull`]: 'true',
      [`${WATCHTOWER}.lifecycle.pre-update`]: '/before.sh',
      [`${WATCHTOWER}.lifecycle.post-update`]: '/after.sh',
      [`${WATCHTOWER}.lifecycle.pre-update-timeout`]: '2',
    }

    expect(wished(labels)).toMatchObject({
      mode: 'watch',
      source: 'daemon',
      before: { command: '/before.sh', timeoutMs: 120_000, isRequired: true },
      after: { command: '/after.sh', isRequired: false },
    })
    expect(wished({ 'berth.deploy': 'true', 'berth.hook.after': 'test' })).toMatchObject({ after: { isRequired: true } })
  })

  test('a label that says nothing, and one that there is not, are told in one sentence', () => {
    const reading = read({
      'berth.deploy': 'true',
      'berth.strategy': 'fast',
      'berth.stategy': 'stop-first',
      'berth.agent.name': 'x',
    })

    expect(reading).toEqual({
      kind: 'wrong',
      problem: expect.stringMatching(
        /^the label berth\.strategy is "fast"; write stop-first or start-first; there is no label berth\.stategy; there are berth\.deploy,/,
      ),
    })
  })
})
