/** A name and a password as a client sent them. Neither has been believed yet. */
export interface BasicCredentials {
  readonly name: string
  /** As bytes: what a client sends need not be UTF-8. */
  readonly password: Uint8Array
}

/** Case makes no difference in a scheme; two headers arrive joined by a comma, which is no letter of Base64. */
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i
const COLON = 0x3a
/** No name or password is longer, and a longer one only costs memory. */
const LONGEST = 8192

/** RFC 7617. Undefined for anything else: another scheme, no colon, no name. */
export function findBasicCredentials(authorization: string): BasicCredentials | undefined {
  const encoded = authorization.length > LONGEST ? undefined : BASIC.exec(authorization)?.[1]
  if (encoded === undefined) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  const colon = bytes.indexOf(COLON)
  if (colon < 1) return undefined
  return { name: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) }
}
