import type { Readiness } from '../observe/readiness.ts'
import { unavailable } from '../oci/errors.ts'
import { createPipeline, type Handler, type PipelineOptions } from './pipeline.ts'
import { withProbes } from './probes.ts'

/**
 * The handler of a server that listens before the registry behind it can be begun. Until it is opened it is alive and not ready, and
 * answers every request with 503.
 */
export class Door {
  readonly handler: Handler
  #opened: Handler | undefined

  constructor(options: Pick<PipelineOptions, 'log' | 'headers'>) {
    const closed = createPipeline(
      () => {
        throw unavailable('The registry waits for its storage; try again in a moment.', { retryAfterSeconds: 5 })
      },
      { ...options, observers: [] },
    )
    const waiting = withProbes({ readiness: async () => NOT_READY }, closed)
    this.handler = (request, connection) => (this.#opened ?? waiting)(request, connection)
  }

  open(handler: Handler): void {
    this.#opened = handler
  }
}

const NOT_READY: Readiness = {
  ready: false,
  waiting: { storage: 'It does not answer; the log has the reason.' },
  scan: undefined,
  duties: {},
}
