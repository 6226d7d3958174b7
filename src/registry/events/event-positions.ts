import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const CIPHER = 'aes-128-ecb'
const BLOCK_BYTES = 16
const MARK = Buffer.from('evt1')
const NUMBER_AT = 8

/**
 * How far a listener is, in a text that only this database reads. The number itself would tell a caller how much happens in repositories that it may not
 * see; so would a text that is always the same for one number.
 */
export class EventPositions {
  readonly #key: Buffer

  /** 16 bytes in hexadecimal digits. */
  constructor(key: string) {
    this.#key = Buffer.from(key, 'hex')
  }

  textOf(number: number): string {
    const block = Buffer.concat([MARK, randomBytes(NUMBER_AT - MARK.length), Buffer.alloc(BLOCK_BYTES - NUMBER_AT)])
    block.writeBigUInt64BE(BigInt(number), NUMBER_AT)
    const cipher = createCipheriv(CIPHER, this.#key, null).setAutoPadding(false)
    return Buffer.concat([cipher.update(block), cipher.final()]).toString('base64url')
  }

  /** Undefined for what is none of this database. */
  numberOf(text: string): number | undefined {
    const block = /^[\w-]{22}$/.test(text) ? Buffer.from(text, 'base64url') : undefined
    if (block?.length !== BLOCK_BYTES) return undefined
    const cipher = createDecipheriv(CIPHER, this.#key, null).setAutoPadding(false)
    const plain = Buffer.concat([cipher.update(block), cipher.final()])
    return plain.subarray(0, MARK.length).equals(MARK) ? Number(plain.readBigUInt64BE(NUMBER_AT)) : undefined
  }
}
