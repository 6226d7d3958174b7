import { describe, expect, test } from 'bun:test'
import { generatePast } from '../../test/support/moves-generator.ts'
import { SeededRandom } from '../../test/support/seeded-random.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import { type ImagesOfTag, movesSince } from './images-of-tag.ts'

const HOUR_MS = 3_600_000
const TAGS = 1_000 * Number(process.env.BERTH_PROPERTY_EFFORT ?? '1')
const SEED = Number(process.env.BERTH_TEST_SEED ?? 19)
const IMAGES = Array.from({ length: 6 }, (_, image) => parseDigest(`sha256:${String(image).padStart(64, '0')}`))
const [one, two, three] = IMAGES as [Digest, Digest, Digest]

/** Hours at which the tag came to each image. */
const at = (...hours: readonly (readonly [Digest, number])[]) => new Map(hours.map(([digest, hour]) => [digest, hour * HOUR_MS]))
const since = (images: Partial<ImagesOfTag>) => {
  const found = movesSince({ present: three, recorded: new Map(), remembered: new Map(), ...images })
  return found && Object.fromEntries([...found].map(([digest, count]) => [IMAGES.indexOf(digest) + 1, count]))
}

describe('how many images a tag led to since', () => {
  test('is told by the records, by the index, or by both together', () => {
    const all = at([one, 1], [two, 2], [three, 3])

    expect(since({ recorded: all })).toEqual({ 1: 2, 2: 1, 3: 0 })
    expect(since({ remembered: all })).toEqual({ 1: 2, 2: 1, 3: 0 })
    expect(since({ recorded: at([one, 1], [three, 3]), remembered: at([two, 2]) })).toEqual({ 1: 2, 2: 1, 3: 0 })
  })

  test('is not known where neither tells how the tag came to where it is', () => {
    expect(since({})).toBeUndefined()
    expect(since({ recorded: at([one, 1]), remembered: at([two, 2]) })).toBeUndefined()
  })

  test('counts no image as later that another registry, a copy or a clock may have made earlier', () => {
    const recorded = at([one, 1], [two, 2], [three, 3])
    const copied = at([one, 9], [two, 9], [three, 9])

    // The tag came to the first one again, by another registry.
    expect(since({ recorded: at([one, 1], [two, 3]), remembered: at([one, 4], [three, 5]) })).toEqual({ 1: 1, 2: 1, 3: 0 })
    expect(since({ recorded, remembered: copied })).toEqual({ 1: 1, 2: 1, 3: 0 })
    expect(since({ remembered: copied })).toEqual({ 1: 1, 2: 1, 3: 0 })
    // What came after the present one by its time: no time is believed.
    expect(since({ remembered: at([one, 1], [two, 9], [three, 3]) })).toEqual({ 1: 1, 2: 1, 3: 0 })
  })
})

test('no image among the last ones is missed while a source has it, and no other one is kept where a source has all in their order', () => {
  const random = new SeededRandom(SEED)
  const met = new Map<string, number>()
  const wrong: unknown[] = []

  for (let count = 0; count < TAGS; count += 1) {
    const past = generatePast(random, random.pick(IMAGES), IMAGES)
    const found = movesSince(past)
    met.set(past.knowledge, (met.get(past.knowledge) ?? 0) + 1)
    if (past.knowledge === 'lost') continue
    const places = past.truth.map((digest, place) => [found?.get(digest), place] as const)
    const isRight = places.every(([later = Number.NaN, place]) => (past.knowledge === 'exact' ? later === place : later <= place))
    if (!isRight) wrong.push({ seed: SEED, count, past, found })
  }

  expect(wrong.slice(0, 3)).toEqual([])
  expect([...met.keys()].sort()).toEqual(['exact', 'lost', 'open'])
})
