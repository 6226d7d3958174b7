import type { Digest } from '../../src/oci/digest.ts'
import type { ImagesOfTag } from '../../src/retention/images-of-tag.ts'
import type { SeededRandom } from './seeded-random.ts'

const HOUR_MS = 3_600_000
const BEGAN_MS = Date.UTC(2026, 5, 1)

/** How a tag moved, and what is left that tells of it. */
export interface GeneratedPast extends ImagesOfTag {
  /** The images that it led to, the last one first, each once. */
  readonly truth: readonly Digest[]
  /** 'exact': a source has all moves in their order. 'lost': some moves are told by none. */
  readonly knowledge: 'exact' | 'open' | 'lost'
}

interface Move {
  readonly digest: Digest
  readonly atMs: number
  readonly isByBerth: boolean
}

/** Moves that lie hours apart, by Berth or by registry:2, to a present image. */
export function generatePast(random: SeededRandom, present: Digest, images: readonly Digest[]): GeneratedPast {
  const moves = generateMoves(random, present, images)
  const truth = [...new Set(moves.map(({ digest }) => digest).reverse())]
  const recorded = timesOf(moves.filter(({ isByBerth }) => isByBerth))
  const indexed = timesOf(moves, () => random.below(4_000) - 2_000)
  const areAllRecorded = moves.every(({ isByBerth }) => isByBerth)
  switch (random.below(10)) {
    case 0:
      // The records have gone with the folder of Berth.
      return { present, truth, recorded: new Map(), remembered: indexed, knowledge: 'exact' }
    case 1:
      return { present, truth, recorded, remembered: new Map(), knowledge: areAllRecorded ? 'exact' : 'lost' }
    case 2: {
      // The tag was deleted and pushed again: its index has what came after that.
      const after = timesOf(moves.slice(random.below(moves.length)))
      return { present, truth, recorded, remembered: after, knowledge: areAllRecorded ? 'exact' : 'lost' }
    }
    case 3: {
      const copiedMs = BEGAN_MS + 1_000 * HOUR_MS
      const remembered = new Map([...indexed.keys()].map((digest) => [digest, copiedMs + random.below(5_000)]))
      return { present, truth, recorded, remembered, knowledge: 'open' }
    }
    case 4:
      return { present, truth, recorded: new Map(), remembered: new Map(), knowledge: 'lost' }
    default: {
      // Where registry:2 brought the tag back to an image of Berth's, the record of that is too early, and a copy would look the same.
      const last = timesOf(moves)
      const areLast = [...recorded].every(([digest, atMs]) => last.get(digest) === atMs)
      return { present, truth, recorded, remembered: indexed, knowledge: areLast ? 'exact' : 'open' }
    }
  }
}

function generateMoves(random: SeededRandom, present: Digest, images: readonly Digest[]): readonly Move[] {
  const isOnlyBerth = random.chance(0.6)
  const digests = [...Array.from({ length: random.below(6) }, () => random.pick(images)), present]
  let atMs = BEGAN_MS
  return digests.map((digest) => {
    atMs += (1 + random.below(40)) * HOUR_MS
    return { digest, atMs, isByBerth: isOnlyBerth || random.chance(0.5) }
  })
}

/** The last one of each. */
function timesOf(moves: readonly Move[], skewMs: () => number = () => 0): ReadonlyMap<Digest, number> {
  return new Map(moves.map(({ digest, atMs }) => [digest, atMs + skewMs()]))
}
