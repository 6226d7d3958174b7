/** `$2y$05$`, 22 letters of salt, 31 of the hash. `$2x$` marks hashes of a faulty program. */
const BCRYPT = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/

/** The cost of a bcrypt hash that can be checked; undefined for any other text. */
export function bcryptCost(hash: string): number | undefined {
  const [, cost] = BCRYPT.exec(hash) ?? []
  return cost === undefined ? undefined : Number(cost)
}

/** A hash of this cost that no password fits. */
export function unmatchedHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^\$apr1\$/, 'MD5 (apr1)'],
  [/^\{SHA\}/, 'SHA-1'],
  [/^\$1\$/, 'MD5-crypt'],
  [/^\$5\$/, 'SHA-256-crypt'],
  [/^\$6\$/, 'SHA-512-crypt'],
  [/^\$y\$/, 'yescrypt'],
  [/^\$argon2/, 'Argon2'],
  [/^\$2/, 'a broken bcrypt hash'],
  [/^[./A-Za-z0-9]{13}$/, 'crypt'],
]

/** What a hash that is not bcrypt seems to be, for a person. */
export function nameHashKind(hash: string): string {
  return KINDS.find(([pattern]) => pattern.test(hash))?.[1] ?? 'plain text or unknown'
}
