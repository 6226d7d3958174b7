import type { Exclusively } from '../accounts/accounts.ts'
import type { RecordStorage } from '../accounts/record-storage.ts'
import { SESSION_MS } from '../sessions.ts'
import { IssuedTokens } from './issued-tokens.ts'
import { SigningKeys } from './signing-keys.ts'

/** Nothing else is signed where section `access` is not used; there the registry's name is that of its tokens. */
const SERVICE = 'berth-page'

interface SessionTokensOptions {
  readonly storage: RecordStorage
  readonly exclusively: Exclusively
}

/** What signs the sessions of users whom an htpasswd file names: keys in the storage, which all processes have. */
export function createSessionTokens(options: SessionTokensOptions): IssuedTokens {
  return new IssuedTokens({ keys: new SigningKeys({ ...options, keepForMs: SESSION_MS }), service: SERVICE })
}
