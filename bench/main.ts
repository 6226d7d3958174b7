import { Command, InvalidArgumentError } from 'commander'
import type { Bench, Measurement } from './bench.ts'
import { allBenches } from './benches.ts'
import { countBerth, writeExpected } from './counts/counts.ts'
import { countsTable } from './counts/counts-table.ts'
import { writeDocumentation } from './documentation.ts'
import { runFlat } from './flat.ts'
import { flatRows, flatTable } from './flat-table.ts'
import { cleanUpOnSignals, waitIfEnding } from './leftovers.ts'
import { describeMachine } from './machine.ts'
import { CONTESTANTS, type Contestant } from './registry.ts'
import { runBench } from './run.ts'
import { rowsOf, tableOf } from './table.ts'

interface Options {
  readonly rounds: number
  readonly size: number
  readonly layers: number
  readonly repositories: number
  readonly images: number
  readonly contestants: readonly Contestant[]
  readonly directory: string
  readonly manifests: readonly number[]
  readonly json?: string
  readonly writeDocs?: true
  readonly update?: true
}

const program = new Command('npm run bench --')
  .description("Berth beside Debian's docker-registry, and zot where it is on PATH: same machine, same client, same run.")
  .argument(
    '[picks...]',
    'which benches; all when left out, but for `flat`, `collect`, `collect-fast`, `scrub`, `retention`, `retention-many`, `mirror`, `page`, `search`, `events`, `inside` and `replicas`, which take long',
  )
  .option('--rounds <count>', 'how often each contestant has its turn', positive, 3)
  .option('--size <mebibytes>', 'of a large blob', positive, 1024)
  .option('--directory <path>', 'where the data directories are made, and removed', '/var/tmp')
  .option('--manifests <counts>', 'in the stores that `flat` compares', counts, [100, 10_000, 1_000_000])
  .option('--layers <count>', 'in the store from which `collect` takes a tenth; in thousands', thousands, 1_000_000)
  .option('--repositories <count>', 'that `page` and `search` look at; in thousands', thousands, 100_000)
  .option('--images <count>', 'of ten layers of 10 MB, that `inside` reads', positive, 100)
  .option('--contestants <names>', `which of ${CONTESTANTS.join(', ')}`, contestants, CONTESTANTS)
  .option('--json <file>', 'writes every sample')
  .option('--update', 'with `counts`: what Berth does now is what CI expects from here on')
  .option('--write-docs', 'writes the tables of docs/benchmarks.md')

program.parse()
cleanUpOnSignals()
await main(program.args, program.opts<Options>())

async function main(picks: readonly string[], options: Options): Promise<void> {
  const benches = pick(allBenches({ ...options, blobBytes: options.size * 1024 * 1024 }), picks)
  const machine = await describeMachine()
  for (const line of machine) console.log(line)
  const measurements: Measurement[] = []
  const tables = new Map<string, string>()
  for (const bench of benches) {
    console.log(`\n${bench.title}`)
    const own = await runOrSay(bench, options)
    if (own === undefined) continue
    measurements.push(...own)
    tables.set(bench.name, tableOf(rowsOf(bench, own)))
    console.log(`\n${tables.get(bench.name)}`)
  }
  for (const { finish } of benches) await finish?.()
  const flat = picks.includes('flat')
    ? await runFlat({ ...options, seconds: 3, sizes: options.manifests, say: console.error })
    : []
  if (flat.length > 0) {
    tables.set('flat', flatTable(flatRows(flat, options.manifests), options.manifests))
    console.log(`\n${tables.get('flat')}`)
  }
  if (picks.length === 0 || picks.includes('counts')) {
    tables.set('counts', await countsTable(options.directory))
    console.log(`\n${tables.get('counts')}`)
    if (options.update === true) await writeExpected(await countBerth(options.directory), options.directory)
  }
  if (options.json !== undefined)
    await Bun.write(options.json, `${JSON.stringify({ machine, options, measurements, flat }, null, 1)}\n`)
  if (options.writeDocs === true) await writeDocumentation(tables, { machine, command: commandOf(picks, options) })
}

/** One that fails does not take the others with it. */
async function runOrSay(bench: Bench, options: Options): Promise<Measurement[] | undefined> {
  try {
    return await runBench(bench, { ...options, say: console.error })
  } catch (error) {
    await waitIfEnding()
    console.error(`${bench.name} failed:`, error)
    process.exitCode = 1
    return undefined
  }
}

function pick(benches: readonly Bench[], names: readonly string[]): readonly Bench[] {
  const known = [...benches.map(({ name }) => name), 'flat', 'counts']
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) program.error(`There is no bench ${unknown}; there are ${known.join(', ')}.`)
  return names.length === 0
    ? benches.filter(({ takesLong }) => takesLong !== true)
    : benches.filter(({ name }) => names.includes(name))
}

function commandOf(picks: readonly string[], { rounds, size, layers, repositories, images, contestants }: Options): string {
  const others = [
    ...(size === 1024 ? [] : [`--size ${size}`]),
    ...(layers === 1_000_000 ? [] : [`--layers ${layers}`]),
    ...(repositories === 100_000 ? [] : [`--repositories ${repositories}`]),
    ...(images === 100 ? [] : [`--images ${images}`]),
    ...(contestants.length === CONTESTANTS.length ? [] : [`--contestants ${contestants.join(',')}`]),
  ]
  return ['npm run bench --', ...picks, `--rounds ${rounds}`, ...others].join(' ')
}

function positive(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

function thousands(text: string): number {
  const number = positive(text)
  if (number % 1000 === 0) return number
  throw new InvalidArgumentError('It must be a multiple of 1000.')
}

function counts(text: string): number[] {
  return text.split(',').map(positive)
}

function contestants(text: string): readonly Contestant[] {
  const names = text.split(',')
  const chosen = CONTESTANTS.filter((one) => names.includes(one))
  if (chosen.length === names.length) return chosen
  throw new InvalidArgumentError(`It must be some of ${CONTESTANTS.join(', ')}, with commas between them.`)
}
