import type { StorageDriver } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'

const STORE_ID = /^[0-9a-f-]{36}$/

/** The id of a store, made once: it tells whether a metadata database belongs to it. Called while no other process starts. */
export async function ensureStoreId(storage: Pick<StorageDriver, 'readSmall' | 'place'>): Promise<string> {
  const found = await findStoreId(storage)
  if (found !== undefined) return found
  const id = crypto.randomUUID()
  await storage.place([{ directory: berthLayout.directory, files: [{ name: 'store', bytes: new TextEncoder().encode(id) }] }])
  return id
}

/** The id of a store that has one: another one, or none, is another store. */
export async function findStoreId(storage: Pick<StorageDriver, 'readSmall'>): Promise<string | undefined> {
  const bytes = await storage.readSmall(berthLayout.store, 1024)
  const found = bytes === undefined ? '' : new TextDecoder().decode(bytes)
  return STORE_ID.test(found) ? found : undefined
}
