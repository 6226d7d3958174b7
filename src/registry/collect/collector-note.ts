import { readNote } from '../../metadata/collecting/survey.ts'
import type { Query } from '../../metadata/query.ts'
import type { Survey } from './survey.ts'
import type { Untagged } from './untagged.ts'
import type { Waits } from './whether.ts'

/** What the process that has the duty wrote down of its last pass, for all the others. */
export interface CollectorNote {
  /** By the wall clock. */
  readonly atMs: number
  /** How long the last pass took that looked at everything; undefined before the first. */
  readonly tookMs?: number | undefined
  readonly waits?: Waits | undefined
  readonly found?: Survey | undefined
  /** When all is gone that was found, by the wall clock; undefined where there is nothing, or none of it goes. */
  readonly goneByMs?: number | undefined
  readonly condemned: number
  readonly untagged?: Untagged | undefined
}

/** Undefined before the first pass. */
export async function readCollectorNote(query: Query): Promise<CollectorNote | undefined> {
  const text = await readNote(query, 'collector-result')
  return text === undefined ? undefined : (JSON.parse(text) as CollectorNote)
}
