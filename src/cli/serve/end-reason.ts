import { constants } from 'node:os'
import type { Log, LogOutput } from '../../observe/log.ts'

/** Why a server ends. */
export type EndReason =
  | { readonly kind: 'signal'; readonly signal: Signal }
  /** A bug: an error that no code caught. The process is in an unknown state. */
  | { readonly kind: 'fault'; readonly error: unknown }
  /** A worker without its supervisor: no process would start it again, and another supervisor could not know of it. */
  | { readonly kind: 'abandoned' }
  /** What it stands on was replaced; a new process is right again. */
  | { readonly kind: 'restart'; readonly error: Error }
  /** Another database stays at work on the storage. A supervisor has it from a worker, which has said so. */
  | { readonly kind: 'refused'; readonly error: Error | undefined }

export interface End {
  /** Aborts when this process begins to end. */
  readonly signal: AbortSignal
  /** Why it ends, once it does. */
  begun(): EndReason | undefined
  /** Resolves with the first reason to end. */
  reason(failed: Promise<Error>): Promise<EndReason>
}

type Signal = 'SIGTERM' | 'SIGINT'
const SIGNALS: readonly Signal[] = ['SIGTERM', 'SIGINT']

/**
 * Takes over the signals and the faults of this process. The first of them begins an orderly end; after that a signal ends the
 * process at once, and a further fault is written to the log.
 */
export function endOf(log: Log, output: LogOutput): End {
  const { promise, resolve } = Promise.withResolvers<EndReason>()
  const ending = new AbortController()
  let begun: EndReason | undefined
  const begin = (reason: EndReason): boolean => {
    const first = begun === undefined
    begun ??= reason
    ending.abort()
    resolve(reason)
    return first
  }
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (begin({ kind: 'signal', signal })) return
      void output.end().finally(() => process.exit(128 + constants.signals[signal]))
    })
  }
  const onFault = (error: unknown) => {
    if (!begin({ kind: 'fault', error })) log.error('failure while stopping', { error })
  }
  process.on('uncaughtException', onFault)
  process.on('unhandledRejection', onFault)
  return {
    signal: ending.signal,
    begun: () => begun,
    reason: (failed) => Promise.race([promise, failed.then((error): EndReason => ({ kind: 'restart', error }))]),
  }
}

export function describeEnd(reason: EndReason, log: Log): void {
  switch (reason.kind) {
    case 'signal':
      log.info('stopping', { signal: reason.signal })
      return
    case 'abandoned':
      log.error('stopping, the supervisor is gone')
      return
    case 'fault':
      log.error('stopping after an unexpected failure', { error: reason.error })
      return
    case 'refused':
      log.error('stopping, another database stays at work on the storage')
      return
    case 'restart':
      log.error('restarting', { error: reason.error })
      return
  }
}

/** Undefined: it has failed. */
export function exitCodeOf(reason: EndReason | undefined): number {
  return reason?.kind === 'signal' ? 0 : 1
}
