import { describe, expect, test } from 'bun:test'
import type { OpenConnection } from './sockets.ts'
import { type ConnectionLimits, surplusOf } from './surplus.ts'

const NO_PROXY = { isProxy: () => false, isAtWork: () => false }
const ANY: ConnectionLimits = { total: 100, perAddress: 100 }

let descriptor = 0

function connection(facts: Partial<OpenConnection> = {}): OpenConnection {
  descriptor += 1
  return { descriptor, peer: '192.0.2.1', peerPort: descriptor, idleMs: 0, isSending: false, wasAnswered: true, ...facts }
}

describe('the connections that have to go', () => {
  test('are none within the bounds', () => {
    expect(surplusOf([connection(), connection()], { total: 2, perAddress: 2 }, NO_PROXY)).toEqual([])
  })

  test('are those that have waited longest, as many as are too many', () => {
    const [short, long, longer] = [10, 3_000, 5_000].map((idleMs) => connection({ idleMs })) as [
      OpenConnection,
      OpenConnection,
      OpenConnection,
    ]

    expect(surplusOf([short, long, longer], { ...ANY, total: 1 }, NO_PROXY)).toEqual([
      { connection: longer, reason: 'total' },
      { connection: long, reason: 'total' },
    ])
  })

  test('are rather those that have asked nothing than those that have had an answer', () => {
    const silent = connection({ wasAnswered: false, idleMs: 10 })
    const asking = connection({ idleMs: 50_000 })

    expect(surplusOf([silent, asking], { ...ANY, total: 1 }, NO_PROXY)).toEqual([{ connection: silent, reason: 'total' }])
  })

  test('have a request only where all have one, and then they are the newest', () => {
    const sending = connection({ isSending: true, idleMs: 60_000 })
    const atWork = connection({ idleMs: 60_000 })
    const newest = connection({ isSending: true })
    const waiting = connection()
    const owners = { isProxy: () => false, isAtWork: (of: OpenConnection) => of === atWork }

    expect(surplusOf([sending, atWork, newest, waiting], { ...ANY, total: 2 }, owners)).toEqual([
      { connection: waiting, reason: 'total' },
      { connection: newest, reason: 'total' },
    ])
  })

  test('are those of one address that has too many, not those of others', () => {
    const others = Array.from({ length: 3 }, (_, at) => connection({ peer: `192.0.2.${at + 10}`, idleMs: 9_000 }))
    const many = Array.from({ length: 3 }, (_, at) => connection({ peer: '192.0.2.1', idleMs: at }))

    expect(surplusOf([...others, ...many], { ...ANY, perAddress: 2 }, NO_PROXY)).toEqual([
      { connection: many[2] as OpenConnection, reason: 'address' },
    ])
  })

  test('are counted together for an IPv6 network of 64 bits, which has one owner', () => {
    const network = ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1:0:0:0:2'].map((peer) => connection({ peer }))
    const other = connection({ peer: '2001:db8:0:2:0:0:0:1' })

    expect(surplusOf([...network, other], { ...ANY, perAddress: 1 }, NO_PROXY)).toHaveLength(1)
  })

  test('are none of a proxy for its address, and some in all', () => {
    const ofProxy = Array.from({ length: 5 }, () => connection({ peer: '10.0.0.9' }))
    const owners = { isProxy: (address: string) => address === '10.0.0.9', isAtWork: () => false }

    expect(surplusOf(ofProxy, { total: 5, perAddress: 1 }, owners)).toEqual([])
    expect(surplusOf(ofProxy, { total: 4, perAddress: 1 }, owners)).toHaveLength(1)
  })

  test('that are beyond both bounds count once', () => {
    const many = Array.from({ length: 4 }, () => connection())

    expect(surplusOf(many, { total: 2, perAddress: 3 }, NO_PROXY).map(({ reason }) => reason)).toEqual(['address', 'total'])
  })
})
