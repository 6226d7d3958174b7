/** Works on so many at once. Ends when none is worked on any more; throws the first failure. */
export async function eachOf<Value>(
  values: readonly Value[],
  atOnce: number,
  work: (value: Value) => Promise<void>,
): Promise<void> {
  const left = values.values()
  let hasFailed = false
  const workers = Array.from({ length: atOnce }, async () => {
    for (const value of left) {
      if (hasFailed) return
      try {
        await work(value)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  })
  await Promise.allSettled(workers)
  await Promise.all(workers)
}
