import { createHash, type KeyObject } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** 240 bits of the hash are 48 letters, in twelve groups of four. */
const HASH_BYTES = 30

/** The name of a public key in libtrust, which servers for registry:2 still write: `ABCD:EFGH:…`. */
export function libtrustKeyId(key: KeyObject): string {
  const hash = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest()
  const letters = base32(hash.subarray(0, HASH_BYTES))
  return (letters.match(/.{4}/g) ?? []).join(':')
}

/** RFC 4648 section 6, of a number of bytes that five divides. */
function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five, 2)]).join('')
}
