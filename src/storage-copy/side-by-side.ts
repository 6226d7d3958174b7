/** Does a task for each item, so many at once, and takes no more items than it works on. Throws the first failure when all have ended. */
export async function sideBySide<Item>(
  atOnce: number,
  items: AsyncIterable<Item> | Iterable<Item>,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  const source = inTurn(items)
  let failed = false
  const work = async () => {
    while (!failed) {
      const { done, value } = await source.next()
      if (done === true) return
      await task(value).catch((error: unknown) => {
        failed = true
        throw error
      })
    }
  }
  const results = await Promise.allSettled(Array.from({ length: atOnce }, work))
  await source.return(undefined)
  const failure = results.find((result) => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

/** A generator answers concurrent callers one after the other. */
async function* inTurn<Item>(items: AsyncIterable<Item> | Iterable<Item>): AsyncGenerator<Item, void> {
  yield* items
}
