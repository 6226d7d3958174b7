import type { Metadata, Query } from '../metadata/query.ts'
import { type RegistryError, unavailable } from '../oci/errors.ts'
import type { Database } from './database.ts'

/** In place of a database that cannot be used: whatever asks it is refused. */
export function awayDatabase(place: string): Database {
  return {
    ...{ place, processId: crypto.randomUUID(), epoch: 0, beganEpoch: false, migratedFrom: undefined, setAside: undefined },
    metadata: { ...AWAY, close: async () => undefined },
    locks: { isAlive: refuse, living: refuse, whileStarting: refuse, release: () => undefined },
    id: refuse,
    isHeld: () => false,
    isLost: () => true,
    lostForMs: 0,
    watch: () => async () => undefined,
    abandon: () => undefined,
    close: async () => undefined,
  }
}

const READ: Query = { all: refuse, get: refuse, run: refuse }
const AWAY: Metadata = { read: READ, revision: refuse, write: refuse }

async function refuse(): Promise<never> {
  throw away()
}

function away(): RegistryError {
  return unavailable('The metadata database cannot be used at the moment; try again in a moment.', { retryAfterSeconds: 5 })
}
