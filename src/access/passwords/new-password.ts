/** bcrypt reads no further. */
const MAX_PASSWORD_BYTES = 72
/** A check takes a server a twentieth of a second, and a thief of the storage as long for each guess. */
const BCRYPT_COST = 10

/** Why no login could use a password; undefined where one can. To be read after 'The password'. */
export function mistakeInPassword(password: string): string | undefined {
  const length = Buffer.byteLength(password)
  if (length === 0) return 'is empty'
  if (length > MAX_PASSWORD_BYTES) return `has ${length} bytes; more than ${MAX_PASSWORD_BYTES} cannot be told apart`
  if (/\p{Cc}/u.test(password)) return 'has control characters, which no client can send'
  return undefined
}

/** As it is kept. */
export async function hashPassword(password: string): Promise<string> {
  return await Bun.password.hash(password, { algorithm: 'bcrypt', cost: BCRYPT_COST })
}
