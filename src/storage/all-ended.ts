/** What each of them gave, or the first failure: once none of them runs any more, so that none changes anything after that. */
export async function allEnded<Value>(promises: readonly Promise<Value>[]): Promise<readonly Value[]> {
  await Promise.allSettled(promises)
  return await Promise.all(promises)
}
