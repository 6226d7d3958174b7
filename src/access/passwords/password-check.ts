import { unavailable } from '../../oci/errors.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import { bcryptCost, unmatchedHash } from './bcrypt-hash.ts'

/** More than these and the last of them would wait until its client has given up. */
const MAX_WAITING = 500
/** bcrypt reads no further, but Bun hashes longer passwords first, which no other program does. */
const MAX_PASSWORD_BYTES = 72

export interface PasswordToCheck {
  readonly password: Uint8Array
  readonly hash: string
  /** A wrong password takes as long as with a hash of this cost. */
  readonly highestCost: number
  /** Is asked when its turn has come, and throws to leave. */
  readonly mayGoOn: () => void
}

/**
 * Compares passwords with bcrypt hashes in threads beside the event loop: at most `atOnce` of them, the others wait in line, so that
 * a burst of logins leaves time and threads to all other requests.
 */
export class PasswordCheck {
  readonly #checks: Semaphore

  constructor(atOnce: number) {
    this.#checks = new Semaphore(atOnce)
  }

  /** Throws UNAVAILABLE when the line is too long, and what `mayGoOn` throws. */
  async isRight({ password, hash, highestCost, mayGoOn }: PasswordToCheck): Promise<boolean> {
    if (this.#checks.waiting >= MAX_WAITING) throw unavailable('Too many clients are logging in at once; try again in a moment.')
    return await this.#checks.run(async () => {
      mayGoOn()
      const compared = password.subarray(0, MAX_PASSWORD_BYTES)
      if (await Bun.password.verify(compared, hash, 'bcrypt')) return true
      // Each cost doubles the one before it: from that of the hash on they add up to the highest.
      for (let cost = bcryptCost(hash) ?? highestCost; cost < highestCost; cost += 1) {
        await Bun.password.verify(compared, unmatchedHash(cost), 'bcrypt')
      }
      return false
    })
  }
}
