import { hasCode } from '../runtime/error-code.ts'

/** A file is asked for so often, and so long apart, while the process has no descriptor for it. */
const PATIENCE_MS = 5_000
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100

/**
 * Opens what needs a descriptor. Where the process has none, connections that are too many are being closed, so it is tried again; after
 * five seconds the failure is that of the system.
 */
export async function withDescriptor<Result>(open: () => Result | Promise<Result>): Promise<Result> {
  const until = performance.now() + PATIENCE_MS
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await open()
    } catch (error) {
      if (!lacksDescriptor(error) || performance.now() > until) throw error
      await Bun.sleep(pauseMs)
    }
  }
}

function lacksDescriptor(error: unknown): boolean {
  return hasCode(error, 'EMFILE') || hasCode(error, 'ENFILE')
}
