import { stat } from 'node:fs/promises'

/**
 * Often enough for people. Asking is sure where being told is not: a rename, the symbolic links that Kubernetes swaps, network file
 * systems.
 */
const INTERVAL_MS = 2_000

/**
 * What tells that one of the files is not what it was: the file behind the links, its size and when it changed. A file that cannot be
 * looked at counts as one more state, not as a failure.
 */
export async function stateOf(paths: readonly string[]): Promise<string> {
  const states = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(path, { bigint: true }).catch(() => undefined)
      return found === undefined ? 'absent' : `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`
    }),
  )
  return states.join(' ')
}

/** Calls `look` again and again, one call at a time, until it is stopped. It must not throw. */
export function repeat(look: () => Promise<void>, intervalMs = INTERVAL_MS): { stop(): Promise<void> } {
  let looking = Promise.resolve()
  let isStopped = false
  const again = () => {
    timer = setTimeout(() => {
      looking = look().then(() => {
        if (!isStopped) again()
      })
    }, intervalMs)
    timer.unref()
  }
  let timer: Timer | undefined
  again()
  return {
    stop: async () => {
      isStopped = true
      clearTimeout(timer)
      await looking
    },
  }
}
