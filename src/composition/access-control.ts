import { availableParallelism } from 'node:os'
import type { AccessController } from '../access/access.ts'
import { HtpasswdFile } from '../access/htpasswd/htpasswd-file.ts'
import { HtpasswdAccess } from '../access/htpasswd-access.ts'
import { FailureLimit } from '../access/passwords/failure-limit.ts'
import { PasswordLogin } from '../access/passwords/password-login.ts'
import { SillyAccess } from '../access/silly-access.ts'
import { TokenAccess } from '../access/token-access.ts'
import type { Config, TokenConfig } from '../config/config.ts'
import type { Log } from '../observe/log.ts'

interface AccessOptions {
  /** Other processes serve beside this one. */
  readonly isShared: boolean
  readonly log: Log
}

/** The access control that the configuration asks for; undefined: every caller may do everything. Throws UnusableAccessError. */
export async function createAccess(
  { auth, http }: Config,
  { isShared, log }: AccessOptions,
): Promise<AccessController | undefined> {
  switch (auth.kind) {
    case 'none':
      return undefined
    case 'silly':
      return new SillyAccess(auth)
    case 'token':
      return await createTokenAccess(auth, log)
    case 'htpasswd': {
      const book = await HtpasswdFile.open(auth.path, log)
      // Processes that share a machine share its cores.
      const checksAtOnce = isShared ? 1 : availableParallelism()
      return new HtpasswdAccess(
        new PasswordLogin({ book, checksAtOnce, failures: new FailureLimit({ namesProxies: http.trustedProxies.areNamed }) }),
        auth.realm,
      )
    }
  }
}

/** The library is loaded only where tokens are used. */
async function createTokenAccess(config: TokenConfig, log: Log): Promise<AccessController> {
  const { WatchedKeys } = await import('../access/foreign-tokens/watched-keys.ts')
  const { TokenVerifier } = await import('../access/foreign-tokens/token-verifier.ts')
  const { issuer, service, signingAlgorithms: algorithms } = config
  const verifier = new TokenVerifier({ issuer, service, keys: await WatchedKeys.open(config, log), algorithms })
  return new TokenAccess({ ...config, verifier })
}
