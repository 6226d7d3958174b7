/** As files are walked: what lies in a folder comes right after it, names in the order of their bytes. */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (one !== other) return rankOf(one) - rankOf(other)
  }
  return a.length - b.length
}

const SLASH = 0x2f
const [FIRST_SURROGATE, FIRST_AFTER] = [0xd800, 0xe000]

/** Half of a letter beyond 16 bits comes after all that have their own: so it is in bytes. */
function rankOf(unit: number): number {
  if (unit === SLASH) return -1
  if (unit < FIRST_SURROGATE) return unit
  return unit >= FIRST_AFTER ? unit - 0x0800 : unit + 0x2000
}
