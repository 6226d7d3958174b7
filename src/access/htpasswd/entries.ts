import { bcryptCost, nameHashKind } from '../passwords/bcrypt-hash.ts'

/** What the text of an htpasswd file says. */
export interface HtpasswdEntries {
  /** bcrypt hashes by user. Of two lines for the same user the later one counts, as in registry:2. */
  readonly hashes: ReadonlyMap<string, string>
  /** Lines that no user can log in with. */
  readonly unusable: readonly UnusableLine[]
}

export interface UnusableLine {
  /** From 1. */
  readonly line: number
  /** Undefined: the line is not `user:hash`. */
  readonly user: string | undefined
  /** What its hash seems to be; never the hash. */
  readonly kind: string
}

/** What bcrypt writes. registry:2 takes no notice of what follows, as a comment after another colon. */
const HASH_LENGTH = 60

/** Spaces around a line, empty lines and those that begin with # mean nothing. */
export function parseHtpasswd(text: string): HtpasswdEntries {
  const hashes = new Map<string, string>()
  const unusable: UnusableLine[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const entry = raw.trim()
    if (entry === '' || entry.startsWith('#')) continue
    const colon = entry.indexOf(':')
    const user = entry.slice(0, Math.max(0, colon))
    const hash = hashIn(entry.slice(colon + 1))
    if (user === '') {
      unusable.push({ line: index + 1, user: undefined, kind: 'not a name and a hash with a colon between them' })
      continue
    }
    hashes.delete(user)
    if (bcryptCost(hash) === undefined) unusable.push({ line: index + 1, user, kind: nameHashKind(hash) })
    else hashes.set(user, hash)
  }
  return { hashes, unusable }
}

/** The hash at the beginning of what stands after the name. */
export function hashIn(text: string): string {
  const hash = text.slice(0, HASH_LENGTH)
  return bcryptCost(hash) === undefined ? text : hash
}
