import { availableParallelism } from 'node:os'
import type { AccessController } from '../../access/access.ts'
import { HtpasswdFile } from '../../access/htpasswd/htpasswd-file.ts'
import { HtpasswdAccess } from '../../access/htpasswd-access.ts'
import type { IssuedTokens } from '../../access/own-tokens/issued-tokens.ts'
import { FailureLimit } from '../../access/passwords/failure-limit.ts'
import { PasswordLogin } from '../../access/passwords/password-login.ts'
import { Sessions, type SignIn } from '../../access/sessions.ts'
import { SillyAccess } from '../../access/silly-access.ts'
import { TokenAccess } from '../../access/token-access.ts'
import type { Config, TokenConfig } from '../../config/config.ts'
import type { Log } from '../../observe/log.ts'

interface AccessOptions {
  /** Other processes serve beside this one. */
  readonly isShared: boolean
  readonly log: Log
  /** The keys that sign the sessions of people who sign in with a password. */
  readonly sessionTokens: () => Promise<IssuedTokens>
}

/** The access rules of the configuration, and the way in which people sign in. */
export interface CreatedAccess {
  /** Undefined: every caller may do everything. */
  readonly access: AccessController | undefined
  readonly signIn: SignIn
}

/** The access control that the configuration asks for. Throws UnusableAccessError. */
export async function createAccess(
  { auth, http }: Config,
  { isShared, log, sessionTokens: tokens }: AccessOptions,
): Promise<CreatedAccess> {
  switch (auth.kind) {
    case 'none':
      return { access: undefined, signIn: { kind: 'none' } }
    case 'silly':
      return { access: new SillyAccess(auth), signIn: { kind: 'elsewhere', realm: auth.realm } }
    case 'token':
      return { access: await createTokenAccess(auth, log), signIn: { kind: 'elsewhere', realm: auth.realm } }
    case 'htpasswd': {
      const book = await HtpasswdFile.open(auth.path, log)
      // Processes that share a machine share its cores.
      const checksAtOnce = isShared ? 1 : availableParallelism()
      const failures = new FailureLimit({ namesProxies: http.trustedProxies.areNamed })
      const access = new HtpasswdAccess(book, new PasswordLogin({ book, checksAtOnce, failures }), auth.realm)
      return { access, signIn: { kind: 'password', sessions: new Sessions({ accounts: access, tokens }) } }
    }
  }
}

/** The library is loaded only where tokens are used. */
async function createTokenAccess(config: TokenConfig, log: Log): Promise<AccessController> {
  const { WatchedKeys } = await import('../../access/foreign-tokens/watched-keys.ts')
  const { TokenVerifier } = await import('../../access/foreign-tokens/token-verifier.ts')
  const { issuer, service, signingAlgorithms: algorithms } = config
  const verifier = new TokenVerifier({ issuer, service, keys: await WatchedKeys.open(config, log), algorithms })
  return new TokenAccess({ ...config, verifier })
}
