/** Resolves when the work may go on: others have had their turn of the event loop, where it was time for that. */
export type Turn = () => Promise<void>

/** Values that are worked on between two turns: about half a millisecond. */
export const AT_ONCE = 500

/** The values in slices, with a turn after each. */
export async function* slicesOf<Value>(values: readonly Value[], turn: Turn): AsyncGenerator<readonly Value[]> {
  for (let start = 0; start < values.length; start += AT_ONCE) {
    yield values.length <= AT_ONCE ? values : values.slice(start, start + AT_ONCE)
    await turn()
  }
}
