import { inUsersWords } from '../../images/image-error.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal } from '../exit.ts'

/** Does the work of a command until SIGINT or SIGTERM. Throws ImageError and CommandError. */
export async function imageWork(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const signal = endOnSignal()
  try {
    await inUsersWords(() => work(signal))
  } catch (cause) {
    if (!signal.aborted) throw cause
    throw new CommandError('interrupted; what was printed before is done, and nothing else has a new tag', { cause })
  }
}
