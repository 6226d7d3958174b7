import { afterEach, describe, expect, test } from 'bun:test'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { ConnectionBound } from './connection-bound.ts'
import type { Admission, OpenConnection, Sockets } from './sockets.ts'

/** Sockets that a test makes up. */
class MadeUpSockets implements Sockets {
  readonly descriptorLimit = 256
  readonly admissions: Admission[] = []
  readonly deferred: number[] = []
  open: OpenConnection[] = []
  otherDescriptors = 20

  openDescriptors(): number {
    return this.open.length + this.otherDescriptors
  }

  hasFreeDescriptor(): boolean {
    return this.openDescriptors() < this.descriptorLimit
  }

  async connections(): Promise<OpenConnection[]> {
    return [...this.open]
  }

  cut(connection: OpenConnection): boolean {
    this.open = this.open.filter((other) => other !== connection)
    return true
  }

  deferSilent(port: number): void {
    this.deferred.push(port)
  }

  admit(_port: number, how: Admission): void {
    this.admissions.push(how)
  }

  connect(count: number): void {
    for (let made = 0; made < count; made += 1) {
      const descriptor = this.open.length
      const peerPort = 1024 + descriptor
      this.open.push({ descriptor, peer: '192.0.2.1', peerPort, idleMs: 0, isSending: false, wasAnswered: false })
    }
  }
}

const IDLE_SERVER = { clientsAtWork: () => [] }
const bounds: ConnectionBound[] = []

afterEach(() => {
  for (const bound of bounds.splice(0)) bound.stop()
})

function boundOf(sockets: Sockets, cuts: string[] = []) {
  const log = new RecordedLog()
  const limits = { total: 100, perAddress: 60 }
  const bound = new ConnectionBound({ sockets, limits, isProxy: () => false, log, onCut: (reason) => cuts.push(reason) })
  bounds.push(bound)
  return { bound, log }
}

describe('the bound on connections', () => {
  test('cuts what is too many, tells of each, and writes one line for all of them', async () => {
    const sockets = new MadeUpSockets()
    const cuts: string[] = []
    const { bound, log } = boundOf(sockets, cuts)
    bound.listens(5000, IDLE_SERVER)
    for (let wave = 0; wave < 3; wave += 1) {
      sockets.connect(70)
      await bound.look()
    }

    expect(sockets.open).toHaveLength(60)
    expect(cuts).toHaveLength(150)
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'too many connections, some were closed',
        fields: { total: 0, address: 10, most: 100, mostOfAddress: 60 },
      },
    ])
  })

  test('keeps the connection of a request that is being answered', async () => {
    const sockets = new MadeUpSockets()
    const { bound } = boundOf(sockets)
    bound.listens(5000, { clientsAtWork: () => ['192.0.2.1 1024'] })
    sockets.connect(62)
    await bound.look()

    expect(sockets.open.map(({ peerPort }) => peerPort)).toContain(1024)
  })

  test('has the kernel keep silent connections, at each server that begins to listen', () => {
    const sockets = new MadeUpSockets()
    const { bound } = boundOf(sockets)
    bound.listens(5000, IDLE_SERVER)
    bound.listens(5000, IDLE_SERVER)

    expect(sockets.deferred).toEqual([5000, 5000])
  })

  test('lets new connections wait while descriptors are scarce, and all begin again at its end', async () => {
    const sockets = new MadeUpSockets()
    const { bound } = boundOf(sockets)
    bound.listens(5000, IDLE_SERVER)
    sockets.otherDescriptors = 240
    await bound.look()
    await bound.look()
    bound.stop()

    expect(sockets.admissions).toEqual(['none', 'all'])
  })

  test('makes room at once for a request that finds no descriptor', async () => {
    const sockets = new MadeUpSockets()
    const { bound } = boundOf(sockets)
    bound.listens(5000, IDLE_SERVER)
    expect(bound.whenDescriptorIsFree()).toBeUndefined()
    sockets.connect(236)
    await bound.whenDescriptorIsFree()

    expect(sockets.hasFreeDescriptor()).toBe(true)
  })
})
