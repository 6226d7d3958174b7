import { expect, test } from 'bun:test'
import { FLAT_FIGURES, type FlatMeasurement, runFlat } from '../../bench/flat.ts'
import { FLAT_BUDGET } from '../../bench/flat-table.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const SMALL = 100
const LARGE = 10_000
const FLAT_MS = 900_000
/**
 * Processor time, which what else runs on the machine disturbs least; the lower quartile of several rounds, so that neither a round that
 * was disturbed counts nor one that was lucky. What costs more in the larger store does so in every round; where they differ, further
 * rounds tell.
 */
const ROUNDS = { least: 4, most: 16 }
const CPU_FIGURES = FLAT_FIGURES.filter(({ key }) => key.endsWith('-cpu'))

describeWith({ programs: ['wrk'] }, 'the same work', () => {
  test(
    `costs the same with ${LARGE.toLocaleString('en-US')} manifests in the store as with ${SMALL}, within ${FLAT_BUDGET}×`,
    async () => {
      using folder = new TemporaryFolder({ inMemory: true })
      const sizes = [SMALL, LARGE]

      const measured = await runFlat({
        ...{ sizes, rounds: ROUNDS.most, seconds: 2, directory: folder.path, say: () => undefined },
        isEnough: (until, rounds) => rounds >= ROUNDS.least && dearerIn(until).length === 0,
      })

      expect(CPU_FIGURES).toHaveLength(3)
      expect(dearerIn(measured)).toEqual([])
    },
    FLAT_MS,
  )
})

/** The figures that are too high in the larger store, each with all its values. */
function dearerIn(measured: readonly FlatMeasurement[]): readonly string[] {
  return CPU_FIGURES.flatMap(({ key, title }) => {
    const [small, large] = [SMALL, LARGE].map((manifests) =>
      measured.filter((one) => one.figure === key && one.manifests === manifests).map(({ value }) => value),
    )
    if (small === undefined || large === undefined) return [`${title}: not measured`]
    return lowerQuartile(large) <= lowerQuartile(small) * FLAT_BUDGET ? [] : [`${title}: ${shown(small)} and ${shown(large)}`]
  })
}

/** Not a number, and so in no budget, where nothing was measured. */
function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 4)] ?? Number.NaN
}

function shown(values: readonly number[]): string {
  return values.map((value) => value.toPrecision(3)).join(' ')
}
