/** Does a work that ends when the signal aborts, by throwing the reason of the signal: then it resolves. Throws all else that the work throws. */
export async function untilAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
  }
}
