import type { Log } from '../../observe/log.ts'
import type { Container, Docker } from '../docker/docker.ts'
import { DockerError } from '../docker/docker-error.ts'
import type { Strategy } from '../wishes/wishes.ts'
import { asideName, nextName } from './notes.ts'
import { nextStep, type Situation, type Step } from './steps.ts'
import { putTagBack } from './tags.ts'
import type { Verdict } from './verdict.ts'

export interface Pair {
  /** The name that one of them is to have. */
  readonly name: string
  readonly oldId: string
  readonly newId: string
}

export interface ReplacementOptions {
  readonly docker: Docker
  readonly strategy: Strategy
  /** What is known beforehand. */
  readonly verdict: Verdict | undefined
  /** Waits until the new container is well, or is not. */
  readonly examine: (container: Container) => Promise<Verdict>
  readonly log: Log
  /** Asks to end soon: what was not started is taken back, and what was is left to the next run to wait for. */
  readonly signal: AbortSignal
}

/** Each of the eleven steps is taken once or twice; more means that something else works against it. */
const MOST_STEPS = 40

/**
 * Brings two containers to where one of them runs by the name, and the other one is removed. Undefined: the new one; else why it is the old
 * one. Throws DockerError where that does not succeed either: the next run goes on.
 */
export async function replace(pair: Pair, options: ReplacementOptions): Promise<string | undefined> {
  const { docker, strategy, log, signal } = options
  let verdict = options.verdict
  for (let count = 0; count < MOST_STEPS; count += 1) {
    const seen = await see(pair, docker)
    if (signal.aborted && seen.new?.state !== 'running') verdict ??= { problem: 'the agent was asked to end' }
    const step = nextStep({ ...situationOf(pair, seen), verdict: kindOf(verdict), strategy })
    if (step === 'end') return seen.new === undefined ? (verdict?.problem ?? 'the new container was removed') : verdict?.problem
    log.debug('step', { container: pair.name, step })
    try {
      if (step === 'await new' && seen.new !== undefined) verdict = await options.examine(seen.new)
      else await take(step, { pair, seen, docker })
    } catch (error) {
      // Going back knows no other way: the next run tries again.
      if (!(error instanceof DockerError) || error.isAway || verdict !== undefined) throw error
      verdict = { problem: error.message }
    }
  }
  throw new DockerError(`${pair.name} is not as it should be after ${MOST_STEPS} steps; is another program at work on it?`, {
    status: 200,
  })
}

interface SeenPair {
  readonly old: Container | undefined
  readonly new: Container | undefined
  readonly isNameTaken: boolean
}

async function see({ name, oldId, newId }: Pair, docker: Docker): Promise<SeenPair> {
  const [old, successor, named] = await Promise.all([oldId, newId, name].map((which) => docker.findContainer(which)))
  return { old, new: successor, isNameTaken: named !== undefined && named.id !== oldId && named.id !== newId }
}

function situationOf({ name }: Pair, { old, new: successor, isNameTaken }: SeenPair): Omit<Situation, 'verdict' | 'strategy'> {
  return { name, old, new: successor, isNameTaken }
}

function kindOf(verdict: Verdict | undefined): Situation['verdict'] {
  if (verdict === undefined) return 'unknown'
  return verdict.problem === undefined ? 'good' : 'bad'
}

interface Taking {
  readonly pair: Pair
  readonly seen: SeenPair
  readonly docker: Docker
}

async function take(step: Step, { pair, seen, docker }: Taking): Promise<void> {
  const { name, oldId, newId } = pair
  switch (step) {
    case 'stop old':
      return await docker.stopContainer(oldId)
    case 'set old aside':
      return await docker.renameContainer(oldId, asideName(name))
    case 'name new':
      return await docker.renameContainer(newId, name)
    case 'start new':
      return await docker.startContainer(newId)
    case 'remove old':
      return await docker.removeContainer(oldId)
    case 'stop new':
      return await docker.stopContainer(newId)
    case 'set new aside':
      return await docker.renameContainer(newId, nextName(name))
    case 'name old':
      return await docker.renameContainer(oldId, name)
    case 'start old':
      return await docker.startContainer(oldId)
    case 'remove new':
      if (seen.old !== undefined && seen.new !== undefined) await putTagBack(docker, seen.old, seen.new)
      return await docker.removeContainer(newId)
    case 'await new':
    case 'end':
      return
  }
}
