import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench, Lab, Measurement, Sample } from './bench.ts'
import { atEnd } from './leftovers.ts'
import { CONTESTANTS, type Contestant, RegistryUnderLoad } from './registry.ts'
import { hasZot, ZOT_PROGRAM } from './zot.ts'

/** Of a bench that names none. */
const USUAL = CONTESTANTS.filter((one) => one !== 'zot')

export interface RunOptions {
  readonly rounds: number
  readonly contestants: readonly Contestant[]
  /** Where data directories are made. */
  readonly directory: string
  readonly say: (text: string) => void
}

/** Measures every contestant once in each round, the order turning, so that what the machine does besides hits all alike. */
export async function runBench(bench: Bench, options: RunOptions): Promise<Measurement[]> {
  const folder = await mkdtemp(join(options.directory, 'berth-bench-'))
  const isGone = atEnd(() => rm(folder, { recursive: true, force: true }))
  const lab: Lab = { folder, unique: () => crypto.randomUUID().slice(0, 8) }
  const registries: RegistryUnderLoad[] = []
  try {
    const security = await bench.security?.(lab)
    const measurements: Measurement[] = []
    for (const contestant of contestantsOf(bench, options)) {
      const storage = await bench.storage?.(lab, contestant)
      const sections = await bench.sections?.(lab, contestant)
      const environment = bench.environment?.(lab, contestant)
      const registry = new RegistryUnderLoad({ contestant, folder, security, storage, sections, environment })
      registries.push(registry)
      await bench.fill?.(registry, lab)
      await registry.start()
      await registry.scanned()
      await bench.prepare?.(registry, lab)
      if (bench.runsAlone !== true) continue
      measurements.push(...(await measure(bench, [registry], lab, options)))
      await registry.stop()
      await rm(registry.data, { recursive: true, force: true })
    }
    return bench.runsAlone === true ? measurements : await measure(bench, registries, lab, options)
  } finally {
    for (const registry of registries) await registry.stop()
    await bench.end?.()
    await rm(folder, { recursive: true, force: true })
    isGone()
  }
}

async function measure(bench: Bench, registries: RegistryUnderLoad[], lab: Lab, options: RunOptions): Promise<Measurement[]> {
  const measurements: Measurement[] = []
  const rounds = Math.min(options.rounds * (bench.repeats ?? 1), bench.mostRounds ?? Number.POSITIVE_INFINITY)
  for (let round = 1; round <= rounds; round += 1) {
    for (const registry of turned(registries, round)) {
      const sample = await bench.sample(registry, lab)
      options.say(`  ${bench.name} ${round}/${rounds} ${registry.contestant}: ${textOf(bench, sample)}`)
      for (const line of bench.causes?.(registry) ?? []) options.say(`    ${line}`)
      for (const [figure, value] of Object.entries(sample)) {
        measurements.push({ bench: bench.name, figure, contestant: registry.contestant, round, value })
      }
    }
  }
  return measurements
}

function contestantsOf(bench: Bench, { contestants, say }: RunOptions): Contestant[] {
  const chosen = (bench.contestants ?? USUAL).filter((one) => contestants.includes(one))
  if (!chosen.includes('zot') || hasZot()) return chosen
  say(`  ${bench.name}: zot is not measured: there is no program ${ZOT_PROGRAM} on PATH`)
  return chosen.filter((one) => one !== 'zot')
}

function turned<Entry>(entries: readonly Entry[], by: number): Entry[] {
  const start = by % entries.length
  return [...entries.slice(start), ...entries.slice(0, start)]
}

function textOf(bench: Bench, sample: Sample): string {
  const figures = bench.figures.filter(({ key }) => sample[key] !== undefined)
  return figures.map(({ key, unit }) => `${key} ${Number((sample[key] ?? 0).toPrecision(3))} ${unit}`).join(', ')
}
