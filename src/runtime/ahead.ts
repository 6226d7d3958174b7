/**
 * Each value with what is fetched for it, in the order of the values: so many are fetched at once, ahead of the one that is worked on. Throws what
 * the fetch of a value throws when its turn comes.
 */
export async function* ahead<Value, Fetched>(
  values: AsyncIterable<Value>,
  atOnce: number,
  fetch: (value: Value) => Promise<Fetched>,
): AsyncGenerator<readonly [value: Value, fetched: Fetched]> {
  const waiting: (readonly [Value, Promise<Fetched>])[] = []
  for await (const value of values) {
    const fetched = fetch(value)
    // Its turn may come later than its failure, or never.
    fetched.catch(() => undefined)
    waiting.push([value, fetched])
    const first = waiting.length < atOnce ? undefined : waiting.shift()
    if (first !== undefined) yield [first[0], await first[1]]
  }
  for (const [value, fetched] of waiting) yield [value, await fetched]
}
