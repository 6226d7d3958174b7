import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { berthProgram } from '../berth-program.ts'
import { Probed } from '../collect/probed.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { LayoutStore, tagName } from '../stores/layout-store.ts'

const TAGS = 100_000
const REPOSITORIES = 10_000
/** A tenth of the tags goes, whatever the repositories are. */
const RULES = "retention:\n  dryrun: true\n  rules: [{repositories: ['bench/**'], tags: ['*0'], keep: {pushed: 1s}}]\n"
const LARGE = 'bench/tags'
/** The probe writes a line each second. */
const PROBED_MS = 2_500

const FIGURES: readonly Figure[] = [
  { key: 'whole', title: 'berth retention preview', unit: 's', better: 'less', limit: 2 },
  { key: 'cpu', title: 'of the processor', unit: 's', better: 'less' },
]

/** What the rules do to 100,000 tags of one repository is shown, by the command and by a server. */
export const retention: Bench = {
  ...preview(async (store) => store.writeRepository(LARGE, TAGS, 1)),
  name: 'retention',
  title: `The rules for ${TAGS.toLocaleString('en-US')} tags of one repository, previewed`,
  figures: [
    ...FIGURES,
    { key: 'answer', title: 'the API of the server', unit: 's', better: 'less', limit: 2 },
    { key: 'turn', title: 'longest turn of the server meanwhile', unit: 'ms', better: 'less', limit: 20 },
    { key: 'turn-cpu', title: 'longest turn, of the processor', unit: 'ms', better: 'less', limit: 20 },
  ],
  environment: (lab, contestant) => probeIn(lab, contestant).environment,
  sample: async (registry, lab) => ({
    ...(await previewed(registry)),
    ...(await answered(registry, probeIn(lab, registry.contestant))),
  }),
}

/** The same of as many tags in 10,000 repositories. */
export const retentionOfMany: Bench = {
  ...preview(async (store) => {
    for (let number = 0; number < REPOSITORIES; number += 1)
      store.writeRepository(`bench/${tagName(number)}`, TAGS / REPOSITORIES, 1)
  }),
  name: 'retention-many',
  title: `The rules for ${TAGS.toLocaleString('en-US')} tags of ${REPOSITORIES.toLocaleString('en-US')} repositories, previewed`,
  figures: FIGURES,
  sample: previewed,
}

function preview(
  write: (store: LayoutStore) => Promise<void>,
): Pick<Bench, 'takesLong' | 'runsAlone' | 'contestants' | 'sections' | 'fill' | 'prepare'> {
  return {
    ...{ takesLong: true, runsAlone: true, contestants: ['berth-1'] },
    sections: async () => RULES,
    fill: async ({ data }) => await write(new LayoutStore(data)),
    // At the first time the storage is asked when each tag was pushed.
    prepare: async (registry) => void (await previewed(registry)),
  }
}

async function previewed({ config }: RegistryUnderLoad): Promise<Sample> {
  const beganMs = performance.now()
  const command = Bun.spawn([await berthProgram(), 'retention', 'preview', config], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = await command.stdout.text()
  const exitCode = await command.exited
  const whole = (performance.now() - beganMs) / 1000
  const usage = command.resourceUsage()
  const going = TAGS / 10
  if (exitCode !== 0 || !output.includes(`${going} tags would go, and ${TAGS - going} stay.`))
    throw new Error(`the preview ended with ${exitCode}: ${output.slice(-500)}`)
  return { whole, cpu: Number(usage?.cpuTime.total ?? 0n) / 1e6 }
}

async function answered({ url }: RegistryUnderLoad, probe: Probed): Promise<Sample> {
  await Bun.sleep(PROBED_MS)
  const beganMs = Date.now()
  const response = await fetch(`${url}/api/v1/repositories/${LARGE}/retention?bytes=true`)
  await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`the API answered ${response.status}`)
  const endedMs = Date.now()
  await Bun.sleep(PROBED_MS)
  const { turnMs, turnCpuMs } = probe.longest(beganMs, endedMs + PROBED_MS)
  return { answer: (endedMs - beganMs) / 1000, turn: turnMs, 'turn-cpu': turnCpuMs }
}

function probeIn(lab: Lab, contestant: string): Probed {
  return new Probed(`${lab.folder}/${contestant}`)
}
