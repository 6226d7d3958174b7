import { expect } from 'bun:test'
import type { AgentLab } from './agent-lab.ts'
import { DockerProxy } from './docker-proxy.ts'
import type { BackgroundProgram } from './processes.ts'

/** Pull, tag, create, stop, two names, start, remove; going back takes the same ones again. After more calls than there are, nothing comes in between. */
const CALLS = Array.from({ length: 14 }, (_, count) => count + 1)

export interface Interruption {
  readonly strategy: 'stop-first' | 'start-first'
  /** What the new image does. */
  readonly text: 'is well' | 'ends'
  /** After which of the agent's calls to Docker something comes in between. */
  readonly call: number
}

export const INTERRUPTIONS: readonly Interruption[] = (['stop-first', 'start-first'] as const).flatMap((strategy) =>
  (['is well', 'ends'] as const).flatMap((text) => CALLS.map((call) => ({ strategy, text, call }))),
)

export interface InterruptedOptions extends Interruption {
  /** The restart policy of the container. */
  readonly restart: string
  /** Runs when the daemon has done the call, and before the agent has its answer. */
  readonly interrupt: (agent: BackgroundProgram) => Promise<void>
}

/** An agent is interrupted while it replaces a container; the next run has to leave one container that runs, named as before. */
export async function interruptUpdate(
  lab: AgentLab,
  { strategy, text, call, restart, interrupt }: InterruptedOptions,
): Promise<void> {
  const name = `interrupted-${crypto.randomUUID()}:v1`
  await lab.push(name, 'the first')
  const labels = ['--label', 'berth.deploy=true', '--label', `berth.strategy=${strategy}`, '--label', 'berth.settle=300ms']
  const words = ['--name', 'app', '--restart', restart, '--stop-signal', 'KILL', ...labels]
  await lab.daemon.docker('run', '--detach', ...words, lab.name(name))
  await lab.push(name, text)
  await using proxy = new DockerProxy(lab.folder.join(`${crypto.randomUUID().slice(0, 8)}.sock`), lab.socket)
  await using agent = lab.startAgent('--once', '--docker', proxy.socket)
  proxy.onChange = async (count) => {
    if (count === call) await interrupt(agent)
  }
  await agent.exited

  await lab.agent('--once')
  const afterwards = await lab.containers()
  await lab.agent('--once')

  expect({ afterwards, calls: proxy.calls }).toEqual({ afterwards: ['app running'], calls: proxy.calls })
  expect(await lab.containers()).toEqual(['app running'])
  expect(await lab.answer('app')).toBe(text === 'is well' ? 'is well' : 'the first')
  await lab.daemon.docker('rm', '--force', 'app')
}
