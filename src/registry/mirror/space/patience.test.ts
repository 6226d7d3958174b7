import { expect, test } from 'bun:test'
import { Patience } from './patience.ts'

test('patience is as long again each time that something has gone, and ten times as long in all', () => {
  let nowMs = 0
  const patience = new Patience(100, () => nowMs)
  const renewAt = (atMs: number) => {
    nowMs = atMs
    patience.renew()
    return patience.isOver
  }

  nowMs = 100
  expect(patience.isOver).toBe(true)
  expect([renewAt(150), renewAt(900), renewAt(999)]).toEqual([false, false, false])
  expect(renewAt(1_000)).toBe(true)
})
