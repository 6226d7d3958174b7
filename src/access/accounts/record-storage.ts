import type { StorageDriver } from '../../storage/driver.ts'

/** What records need of a storage: small files, written whole. */
export type RecordStorage = Pick<StorageDriver, 'stat' | 'readSmall' | 'list' | 'place' | 'remove'>
