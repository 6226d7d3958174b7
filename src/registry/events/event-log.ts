import { insertEvents } from '../../metadata/events/events.ts'
import type { Query, Stamp } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import { type ContentEvent, newEvent } from './content-event.ts'

/** On whose behalf, and in which transaction. */
interface Recording {
  readonly actor: Actor
  readonly stamp: Pick<Stamp, 'number'>
}

/** Writes down what changes content. There is none where events are switched off. */
export class EventLog {
  readonly #processId: string

  constructor(processId: string) {
    this.#processId = processId
  }

  /**
   * A part of the transaction that confirms the change, so that what was acknowledged has its event, and what was not done has none. One statement,
   * in the order of the events.
   */
  async record(query: Query, events: readonly ContentEvent[], { actor, stamp }: Recording): Promise<void> {
    await insertEvents(
      query,
      events.map((event) => newEvent(event, actor, this.#processId)),
      stamp.number,
    )
  }
}
