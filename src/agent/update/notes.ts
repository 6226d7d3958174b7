import type { Container } from '../docker/docker.ts'
import { NOTE_PREFIX } from '../settings/successor-settings.ts'

const REPLACES = `${NOTE_PREFIX}replaces`
const NAME = `${NOTE_PREFIX}name`
const OWNER = `${NOTE_PREFIX}owner`

/** What the agent writes on a container that it makes, so that whatever comes in between can be put in order by the next run. */
export interface Notes {
  /** The id of the container that it takes the place of. */
  readonly replaces: string
  /** The name that it is to have. */
  readonly name: string
  /** The agent that made it. */
  readonly owner: string
}

export function labelsOf({ replaces, name, owner }: Notes): Readonly<Record<string, string>> {
  return { [REPLACES]: replaces, [NAME]: name, [OWNER]: owner }
}

/** Undefined: the agent has not made it. */
export function findNotes({ labels }: Pick<Container, 'labels'>): Notes | undefined {
  const [replaces, name, owner] = [labels[REPLACES], labels[NAME], labels[OWNER]]
  if (replaces === undefined || name === undefined || owner === undefined) return undefined
  return { replaces, name, owner }
}

/** Of the new container until it takes its place: Docker gives a name to one container alone, so that two agents cannot make two. */
export function nextName(name: string): string {
  return `${name}.berth-new`
}

/** Of the old container until it is removed. */
export function asideName(name: string): string {
  return `${name}.berth-old`
}
