import { expect, test } from 'bun:test'
import { mayHave, NameFilterBuilder } from './name-filter.ts'

test('a filter of names that come again and again is that of each once, and has all of them', () => {
  const names = Array.from({ length: 5_000 }, (_, number) => `${number}`)
  const [once, often] = [new NameFilterBuilder(), new NameFilterBuilder()]
  for (const name of names) once.add('name', name)
  for (let round = 0; round < 5; round += 1) for (const name of names) often.add('name', name)

  const filter = often.build()

  expect(filter).toEqual(once.build())
  expect(names.filter((name) => !mayHave(filter, `name ${name}`))).toEqual([])
  expect(names.filter((name) => mayHave(filter, `no ${name}`)).length).toBeLessThan(250)
})

test('names that come again and again take no room while a filter is made', () => {
  const made: number[] = []
  const { Uint32Array: Original } = globalThis
  globalThis.Uint32Array = class extends Original {
    constructor(...given: readonly unknown[]) {
      super(...(given as [number]))
      if (typeof given[0] === 'number') made.push(given[0])
    }
  } as Uint32ArrayConstructor
  try {
    const builder = new NameFilterBuilder()

    for (let round = 0; round < 100; round += 1)
      for (let number = 0; number < 1_000; number += 1) builder.add('name', `${number}`)

    expect(Math.max(...made)).toBe(4_096)
  } finally {
    globalThis.Uint32Array = Original
  }
})
