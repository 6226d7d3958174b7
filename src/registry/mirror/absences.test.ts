import { expect, test } from 'bun:test'
import { Absences } from './absences.ts'

test('what is absent is remembered for five seconds', () => {
  let nowMs = 0
  const absences = new Absences(() => nowMs)

  absences.add('app latest')
  nowMs = 4_999
  expect([absences.has('app latest'), absences.has('app other')]).toEqual([true, false])
  nowMs = 5_000
  expect(absences.has('app latest')).toBe(false)
})

test('of ten thousand names the oldest is forgotten', () => {
  const absences = new Absences(() => 0)

  for (let name = 0; name <= 10_000; name += 1) absences.add(`app ${name}`)

  expect([absences.has('app 0'), absences.has('app 1'), absences.has('app 10000')]).toEqual([false, true, true])
})
