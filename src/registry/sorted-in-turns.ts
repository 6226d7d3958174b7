import { Rest } from './rest.ts'

/** So many are merged between two looks at the clock. */
const MERGED_AT_ONCE = 1_000

type Compare<Value> = (one: Value, other: Value) => number

/** All of these slices as one sorted list. Other work has its turn in between, which one call of `sort` would leave none. */
export async function sortedInTurns<Value>(
  slices: readonly (readonly Value[])[],
  compare: Compare<Value>,
): Promise<readonly Value[]> {
  const rest = new Rest()
  let lists: (readonly Value[])[] = []
  for (const slice of slices) {
    lists.push(slice.toSorted(compare))
    await rest.after(0)
  }
  while (lists.length > 1) {
    const pairs: (readonly Value[])[] = []
    for (let place = 0; place < lists.length; place += 2) {
      const [one, other] = [lists[place] ?? [], lists[place + 1]]
      pairs.push(other === undefined ? one : await merged(one, other, compare, rest))
    }
    lists = pairs
  }
  return lists[0] ?? []
}

async function merged<Value>(
  one: readonly Value[],
  other: readonly Value[],
  compare: Compare<Value>,
  rest: Rest,
): Promise<readonly Value[]> {
  const all: Value[] = []
  let [left, right] = [0, 0]
  while (left < one.length || right < other.length) {
    const [first, second] = [one[left], other[right]]
    if (second === undefined || (first !== undefined && compare(first, second) <= 0)) {
      if (first !== undefined) all.push(first)
      left += 1
    } else {
      all.push(second)
      right += 1
    }
    if (all.length % MERGED_AT_ONCE === 0) await rest.after(0)
  }
  return all
}
