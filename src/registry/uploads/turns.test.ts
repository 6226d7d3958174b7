import { expect, test } from 'bun:test'
import { Turns } from './turns.ts'

const MIB = 1024 * 1024
const always = () => true

test('uploads that hash little go on at once', async () => {
  const turns = new Turns()
  const done: string[] = []

  const passed = turns.pass(64 * 1024, always).then(() => done.push('passed'))
  const later = new Promise((resolve) => setImmediate(() => resolve(done.push('next turn'))))
  await Promise.all([passed, later])

  expect(done).toEqual(['passed', 'next turn'])
})

test('one that has filled the turn goes on in the next one', async () => {
  const turns = new Turns()
  const done: string[] = []

  const passed = turns.pass(2 * MIB, always).then(() => done.push('passed'))
  for (let step = 0; step < 10; step += 1) await Promise.resolve()
  done.push('still the same turn')
  await passed

  expect(done).toEqual(['still the same turn', 'passed'])
})

test('in a turn no more is hashed than fits, and each has its turn in the order of waiting', async () => {
  const turns = new Turns()
  const hashed: string[] = []
  let turn = 0
  const count = () => {
    turn += 1
    if (turn < 40) setImmediate(count)
  }
  setImmediate(count)
  const upload = async (name: string) => {
    for (let chunk = 0; chunk < 4; chunk += 1) {
      await turns.pass(MIB, always)
      hashed.push(`${turn} ${name}`)
    }
  }

  await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(upload))

  const byTurn = Map.groupBy(hashed, (entry) => entry.split(' ')[0])
  expect(Math.max(...[...byTurn.values()].map((entries) => entries.length))).toBeLessThanOrEqual(3)
  expect(hashed.slice(0, 6).map((entry) => entry.split(' ')[1])).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
})

test('one that may not wait goes on at once; one that need not wait is not asked', async () => {
  const turns = new Turns()
  const done: string[] = []
  const refuse = () => {
    done.push('asked')
    return false
  }

  await turns.pass(64 * 1024, refuse)
  done.push('little')
  const waiting = turns.pass(2 * MIB, always).then(() => done.push('waited'))
  await turns.pass(MIB, refuse)
  done.push('much')
  await waiting

  expect(done).toEqual(['little', 'asked', 'much', 'waited'])
})
