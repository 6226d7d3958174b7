import type { SupervisorMessage, WorkerMessage } from './messages.ts'
import { WORKER_PORT_VARIABLE, WORKER_STORE_VARIABLE, WORKER_VARIABLE } from './messages.ts'

/** This process as a worker of a supervisor. */
export interface Worker {
  readonly number: number
  /** The port that the first worker found; undefined: the configuration's. */
  readonly port: number | undefined
  /** The id of the storage that the first worker serves; undefined: not known. */
  readonly store: string | undefined
  /** Tells the supervisor that it serves, and answers its questions from here on. */
  serves(
    serving: { readonly url: string; readonly store: string | undefined },
    answers: Readonly<Record<string, () => Promise<unknown>>>,
  ): void
  /** Settles when the supervisor is gone: no process would start this worker again. */
  readonly abandoned: Promise<void>
}

/** Undefined when this process has no supervisor. */
export function asWorker(environment: Readonly<Record<string, string | undefined>>): Worker | undefined {
  const number = Number(environment[WORKER_VARIABLE])
  if (!Number.isInteger(number) || number < 1 || process.send === undefined) return undefined
  const abandoned = Promise.withResolvers<void>()
  process.on('disconnect', () => abandoned.resolve())
  const port = environment[WORKER_PORT_VARIABLE]
  return {
    number,
    port: port === undefined ? undefined : Number(port),
    abandoned: abandoned.promise,
    store: environment[WORKER_STORE_VARIABLE],
    serves: (serving, answers) => {
      process.on('message', (message: SupervisorMessage) => {
        const answer = answers[message.question]
        if (answer === undefined) return
        answer().then(
          (value) => tell({ kind: 'answer', id: message.id, value }),
          () => tell({ kind: 'answer', id: message.id, value: undefined }),
        )
      })
      tell({ kind: 'listening', ...serving })
    },
  }
}

function tell(message: WorkerMessage): void {
  process.send?.(message)
}
