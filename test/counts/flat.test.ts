import { expect, test } from 'bun:test'
import { FLAT_FIGURES, type FlatMeasurement, runFlat } from '../../bench/flat.ts'
import { FLAT_BUDGET } from '../../bench/flat-table.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const SMALL = 100
const LARGE = 10_000
const FLAT_MS = 300_000
/** Processor time, which what else runs on the machine disturbs least; the least of several rounds, which it disturbs hardly. */
const ROUNDS = 4
const CPU_FIGURES = FLAT_FIGURES.filter(({ key }) => key.endsWith('-cpu'))

describeWith({ programs: ['wrk'] }, 'the same work', () => {
  test(
    `costs the same with ${LARGE.toLocaleString('en-US')} manifests in the store as with ${SMALL}, within ${FLAT_BUDGET}×`,
    async () => {
      using folder = new TemporaryFolder({ inMemory: true })
      const sizes = [SMALL, LARGE]

      const measured = await runFlat({ sizes, rounds: ROUNDS, seconds: 2, directory: folder.path, say: () => undefined })

      const dearer = CPU_FIGURES.flatMap(({ key, title }) => {
        const [small, large] = sizes.map((manifests) => leastOf(measured, key, manifests))
        return large !== undefined && small !== undefined && large <= small * FLAT_BUDGET
          ? []
          : [`${title}: ${small} and ${large}`]
      })
      expect(CPU_FIGURES).toHaveLength(3)
      expect(dearer).toEqual([])
    },
    FLAT_MS,
  )
})

function leastOf(measured: readonly FlatMeasurement[], figure: string, manifests: number): number | undefined {
  const values = measured.filter((one) => one.figure === figure && one.manifests === manifests).map(({ value }) => value)
  return values.length === 0 ? undefined : Math.min(...values)
}
