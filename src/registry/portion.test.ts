import { expect, test } from 'bun:test'
import type { Metadata, Query } from '../metadata/query.ts'
import { Portion } from './portion.ts'

test('a portion is halved after a work that took long, and doubled after a short one, within its bounds', async () => {
  let nowMs = 0
  const portion = new Portion({ first: 40, least: 8, most: 100, longMs: 10, nowMs: () => nowMs })
  const sizesAfter = async (...works: readonly number[]) => {
    const sizes: number[] = []
    for (const tookMs of works) {
      await portion.timed(async () => {
        nowMs += tookMs
      })
      sizes.push(portion.size)
    }
    return sizes
  }

  expect(portion.size).toBe(40)
  expect(await sizesAfter(5, 10)).toEqual([40, 40])
  expect(await sizesAfter(11, 30, 30, 30)).toEqual([20, 10, 8, 8])
  expect(await sizesAfter(4, 4, 4, 4, 4)).toEqual([16, 32, 64, 100, 100])
})

test('a portion is not doubled after a work that was about fewer rows', async () => {
  const portion = new Portion({ most: 100 })

  await portion.timed(
    async () => ['row'],
    ({ length }) => length,
  )

  expect(portion.size).toBe(25)
})

test('of a transaction counts what passes from its beginning to its commit, and not the wait for it', async () => {
  let nowMs = 0
  const after = async (waitMs: number, tookMs: number) => {
    const portion = new Portion({ most: 100, first: 50, longMs: 10, nowMs: () => nowMs })
    const write = async <Result>(operation: (query: Query) => Promise<Result>) => {
      nowMs += waitMs
      const result = await operation({} as Query)
      nowMs += tookMs
      return result
    }
    expect(await portion.write({ write } satisfies Pick<Metadata, 'write'>, async () => 'done')).toBe('done')
    return portion.size
  }

  expect(await after(1_000, 4)).toBe(100)
  expect(await after(0, 11)).toBe(25)
})
