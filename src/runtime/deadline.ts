/**
 * What a promise gives, or `late` where it has not settled after so many milliseconds. The promise goes on then; its value or its error is
 * dropped.
 */
export async function within<Value, const Late>(promise: Promise<Value>, ms: number, late: Late): Promise<Value | Late> {
  const deadline = Promise.withResolvers<Late>()
  const timer = setTimeout(deadline.resolve, ms, late)
  try {
    return await Promise.race([promise, deadline.promise])
  } finally {
    clearTimeout(timer)
  }
}
