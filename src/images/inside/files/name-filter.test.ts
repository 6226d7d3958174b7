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
