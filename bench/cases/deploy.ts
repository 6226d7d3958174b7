import { AgentLab } from '../../test/support/agent-lab.ts'
import { type BackgroundProgram, poll } from '../../test/support/processes.ts'
import type { Bench } from '../bench.ts'

const PUSHES = 5
const PATIENCE_MS = 60_000
const LIMIT_SECONDS = 5
/** httpd as the first process of a container does not hear SIGTERM. */
const WORDS = ['--name', 'app', '--stop-signal', 'KILL', '--label', 'berth.deploy=true', '--label', 'berth.settle=500ms']

/** How long it takes from the answer to a push until a Docker host with `berth agent` answers with the new image. Needs root and dockerd. */
export function deploy(): Bench {
  const resources = new AsyncDisposableStack()
  let running: { readonly lab: AgentLab; readonly agent: BackgroundProgram } | undefined
  return {
    name: 'deploy',
    title: `From the end of a push to the answer of the new container, on a Docker host with berth agent, ${PUSHES} pushes in a row`,
    takesLong: true,
    contestants: ['berth'],
    figures: [
      { key: 'usual', title: 'the median', unit: 's', better: 'less', limit: LIMIT_SECONDS },
      { key: 'longest', title: 'the longest', unit: 's', better: 'less', limit: LIMIT_SECONDS },
    ],
    prepare: async () => {
      const lab = resources.use(await AgentLab.start())
      await lab.push('app:v1', 'before')
      await lab.daemon.docker('run', '--detach', ...WORDS, lab.name('app:v1'))
      running = { lab, agent: resources.use(lab.startAgent()) }
      // One that nothing is measured of: the agent is connected by then.
      await deployed(running, 'warm')
    },
    sample: async (_, { unique }) => {
      if (running === undefined) return {}
      const seconds: number[] = []
      for (let push = 0; push < PUSHES; push += 1) seconds.push(await deployed(running, `version ${unique()}`))
      const sorted = seconds.toSorted((one, other) => one - other)
      return { usual: sorted[Math.floor(PUSHES / 2)] ?? 0, longest: sorted.at(-1) ?? 0 }
    },
    end: async () => await resources.disposeAsync(),
  }
}

/** Seconds. */
async function deployed(
  { lab, agent }: { readonly lab: AgentLab; readonly agent: BackgroundProgram },
  text: string,
): Promise<number> {
  const replacedBefore = replacedIn(agent)
  await lab.push('app:v1', text)
  const beganMs = performance.now()
  await poll(`${text} answers`, PATIENCE_MS, async () => ((await tryAnswer(lab)) === text ? true : undefined), 20)
  const seconds = (performance.now() - beganMs) / 1000
  // The next push finds an agent that is done with this one.
  await poll(`${text} is settled`, PATIENCE_MS, async () => (replacedIn(agent) > replacedBefore ? true : undefined), 20)
  return seconds
}

function replacedIn({ output }: BackgroundProgram): number {
  return output.match(/msg="container replaced"/g)?.length ?? 0
}

async function tryAnswer(lab: AgentLab): Promise<string | undefined> {
  return await lab.answer('app').catch(() => undefined)
}
