/**
 * Gives a function that brings the names of an object's fields into the case of the known ones: Go finds fields without regard to case,
 * so `Layers` names layers to registry:2, to registry:3 and to the clients. Where a field stands twice, the last one counts, as in Go.
 * What is no object comes back as it is.
 */
export function fieldReader(names: readonly string[]): (value: unknown) => unknown {
  const known = new Map(names.map((name) => [folded(name), name]))
  const right = new Set(names)
  // With 50,000 fields of other names, to fold each of them takes longer than all else.
  const anyCase = new RegExp(`^(?:${names.join('|')})$`, 'iu')
  const isOdd = (name: string) => !right.has(name) && anyCase.test(name)
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    if (!Object.keys(value).some(isOdd)) return value
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [isOdd(name) ? known.get(folded(name)) : name, field]))
  }
}

/** As Go folds: the long s and the Kelvin sign are letters of ASCII too. */
function folded(name: string): string {
  return name.toUpperCase().toLowerCase()
}
