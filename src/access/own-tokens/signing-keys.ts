import { type CryptoKey, exportJWK, generateKeyPair, importJWK } from 'jose'
import { z } from 'zod'
import { storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { DamagedRecordError } from '../accounts/account.ts'
import { findAccountName } from '../accounts/account-name.ts'
import type { Exclusively } from '../accounts/accounts.ts'
import type { RecordStorage } from '../accounts/record-storage.ts'

export interface SigningKey {
  readonly id: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly createdAt: Date
}

export interface SigningKeysOptions {
  readonly storage: RecordStorage
  readonly exclusively: Exclusively
  /** The longest that anything signed may be good for: until then its key is kept. */
  readonly keepForMs: number
}

export const ALGORITHM = 'ES256'
/** A key signs for so long, then a new one does. */
const SIGNS_FOR_MS = 30 * 24 * 60 * 60 * 1000
/** Any client can send a token with an unknown key id: the keys are loaded again no more often than this, and such requests wait. */
const LOAD_EVERY_MS = 500
const MAX_KEY_BYTES = 4096

/**
 * The keys that tokens are signed with, in the storage, so that what one process signs every other one believes, today and after a
 * restart. A new one is made each month; the old ones stay for as long as something that they signed may be good.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions
  #keys: ReadonlyMap<string, SigningKey> = new Map()
  #loadedAt = Number.NEGATIVE_INFINITY
  #nextLoad: Promise<void> | undefined
  #making: Promise<SigningKey> | undefined

  constructor(options: SigningKeysOptions) {
    this.#options = options
  }

  /** The key to sign with now; made when there is none that is young enough. */
  async current(): Promise<SigningKey> {
    const newest = this.#newest()
    if (newest !== undefined && isYoung(newest)) return newest
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    try {
      return await this.#making
    } catch (error) {
      // On a full disk no new key can be written: the older ones still let clients in.
      const old = this.#newest()
      if (old === undefined || error instanceof DamagedRecordError) throw error
      return old
    }
  }

  /** The key of that id. Another process may have made it a moment ago. */
  async find(id: string): Promise<SigningKey | undefined> {
    const known = this.#keys.get(id)
    if (known !== undefined) return known
    this.#nextLoad ??= this.#loadSoon()
    await this.#nextLoad
    return this.#keys.get(id)
  }

  #newest(): SigningKey | undefined {
    return [...this.#keys.values()].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())[0]
  }

  /** Of several processes that need a key one makes it, the others find it. */
  async #make(): Promise<SigningKey> {
    return await this.#options.exclusively(async () => {
      await this.#load()
      const found = this.#newest()
      if (found !== undefined && isYoung(found)) return found
      const { id, bytes } = await newKey()
      await this.#options.storage.place([{ directory: berthLayout.keys, files: [{ name: id, bytes, secret: true }] }])
      await this.#removeOld()
      await this.#load()
      const made = this.#keys.get(id)
      if (made === undefined) throw new Error(`the key ${id} was written and is not there`)
      return made
    })
  }

  async #removeOld(): Promise<void> {
    for (const { id, createdAt } of this.#keys.values()) {
      const isExpired = Date.now() - createdAt.getTime() > SIGNS_FOR_MS + this.#options.keepForMs
      if (isExpired) await this.#options.storage.remove(storagePath(berthLayout.keys, id))
    }
  }

  async #loadSoon(): Promise<void> {
    await Bun.sleep(Math.max(0, this.#loadedAt + LOAD_EVERY_MS - performance.now()))
    this.#nextLoad = undefined
    await this.#load()
  }

  async #load(): Promise<void> {
    this.#loadedAt = performance.now()
    const ids = (await this.#options.storage.list(berthLayout.keys)).filter((name) => findAccountName(name) !== undefined)
    const loaded = await Promise.all(ids.map((id) => this.#keys.get(id) ?? this.#read(id)))
    this.#keys = new Map(loaded.flatMap((key) => (key === undefined ? [] : [[key.id, key] as const])))
  }

  async #read(id: string): Promise<SigningKey | undefined> {
    const path = storagePath(berthLayout.keys, id)
    const bytes = await this.#options.storage.readSmall(path, MAX_KEY_BYTES)
    if (bytes === undefined) return undefined
    try {
      const { key, createdAt } = RECORD.parse(JSON.parse(new TextDecoder().decode(bytes)))
      const { d: _, ...publicPart } = key
      const privateKey = (await importJWK(key, ALGORITHM)) as CryptoKey
      const publicKey = (await importJWK(publicPart, ALGORITHM)) as CryptoKey
      return { id, privateKey, publicKey, createdAt }
    } catch (cause) {
      throw new DamagedRecordError(`The key ${path} cannot be read; restore it from a backup, or remove the file.`, { cause })
    }
  }
}

function isYoung({ createdAt }: SigningKey): boolean {
  return Date.now() - createdAt.getTime() <= SIGNS_FOR_MS
}

const RECORD = z.object({
  key: z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string(), d: z.string() }),
  createdAt: z.iso.datetime().transform((text) => new Date(text)),
})

async function newKey(): Promise<{ readonly id: string; readonly bytes: Uint8Array }> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  const record = { key: await exportJWK(privateKey), createdAt: new Date() }
  return { id: crypto.randomUUID(), bytes: new TextEncoder().encode(`${JSON.stringify(record)}\n`) }
}
