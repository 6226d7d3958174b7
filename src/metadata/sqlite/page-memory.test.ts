import { expect, test } from 'bun:test'
import { PageMemory } from './page-memory.ts'

test('pages are given back once after statements, when few of them were run since the last look', () => {
  let given = 0
  const memory = new PageMemory(() => {
    given += 1
  })
  const look = (statements: number) => {
    for (let count = 0; count < statements; count += 1) memory.countStatement()
    memory.look()
    return given
  }

  expect([look(0), look(10_000), look(100), look(3), look(0), look(0), look(1)]).toEqual([0, 0, 0, 1, 1, 1, 2])
  memory.stop()
})
