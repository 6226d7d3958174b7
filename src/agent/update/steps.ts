import type { RunState } from '../docker/docker.ts'
import type { Strategy } from '../wishes/wishes.ts'

/** What is seen of two containers, of which one is to take the place of the other. */
export interface Situation {
  /** The name that one of them is to have in the end. */
  readonly name: string
  readonly old: Seen | undefined
  readonly new: Seen | undefined
  /** Whether the new one is well. `bad` stays bad. */
  readonly verdict: 'unknown' | 'good' | 'bad'
  readonly strategy: Strategy
  /** Another container than these has the name. */
  readonly isNameTaken: boolean
}

export interface Seen {
  readonly name: string
  readonly state: RunState
}

export type Step =
  | 'stop old'
  | 'set old aside'
  | 'name new'
  | 'start new'
  | 'await new'
  | 'remove old'
  | 'stop new'
  | 'set new aside'
  | 'name old'
  | 'start old'
  | 'remove new'
  | 'end'

/**
 * What is done next, by what is seen and nothing else: a run that is cut and one that begins again do the same. docs/deploy.md has it as a
 * table. The container that runs is stopped only when the other one is made, and the other one is removed last.
 */
export function nextStep(situation: Situation): Step {
  const { old, new: successor, verdict } = situation
  if (successor === undefined) return withoutNew(situation)
  if (old === undefined) return withoutOld(situation, successor)
  switch (verdict) {
    case 'bad':
      return backward(situation, old, successor)
    case 'good':
      return takeOver(situation, old, successor)
    case 'unknown':
      return forward(situation, old, successor)
  }
}

function forward({ name, strategy }: Situation, old: Seen, successor: Seen): Step {
  if (successor.state !== 'created') {
    const isBesides = successor.state === 'running' && successor.name === name && old.state === 'running'
    return isBesides ? 'stop old' : 'await new'
  }
  if (strategy === 'start-first') return 'start new'
  if (old.state === 'running') return 'stop old'
  if (old.name === name) return 'set old aside'
  return successor.name === name ? 'start new' : 'name new'
}

function takeOver({ name }: Situation, old: Seen, successor: Seen): Step {
  if (old.name === name) return 'set old aside'
  if (successor.name !== name) return 'name new'
  return old.state === 'running' ? 'stop old' : 'remove old'
}

/** The new one stays until the old one runs again: as long as both are there, the next run knows that something is to be done. */
function backward({ name }: Situation, old: Seen, successor: Seen): Step {
  if (successor.state === 'running' || successor.state === 'paused') return 'stop new'
  if (successor.name === name) return 'set new aside'
  if (old.name !== name) return 'name old'
  return old.state === 'running' ? 'remove new' : 'start old'
}

/** The new one was removed by its --rm, or by hand. */
function withoutNew({ name, old }: Situation): Step {
  if (old === undefined) return 'end'
  if (old.name !== name) return 'name old'
  return old.state === 'running' ? 'end' : 'start old'
}

/** The old one is removed, by the last step or by hand: what is left is all that there is, unless another one was made in its place. */
function withoutOld({ name, isNameTaken }: Situation, successor: Seen): Step {
  if (isNameTaken) return successor.state === 'running' ? 'stop new' : 'remove new'
  if (successor.name !== name) return 'name new'
  return successor.state === 'created' ? 'start new' : 'end'
}
