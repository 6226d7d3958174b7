import { unavailable } from '../oci/errors.ts'

/** More than these and the last of them would wait until its client has given up. */
const MAX_WAITING = 500
/** bcrypt reads no further, but Bun hashes longer passwords first, which no other program does. */
const MAX_PASSWORD_BYTES = 72

/**
 * Compares passwords with bcrypt hashes in threads beside the event loop: at most `atOnce` of them, the others wait in line, so that
 * a burst of logins leaves time and threads to everybody else.
 */
export class PasswordCheck {
  readonly #atOnce: number
  readonly #line: (() => void)[] = []
  #running = 0

  constructor(atOnce: number) {
    this.#atOnce = atOnce
  }

  /** `mayGoOn` is asked when its turn has come, and throws to leave. Throws UNAVAILABLE when the line is too long. */
  async isRight(password: Uint8Array, hash: string, mayGoOn: () => void): Promise<boolean> {
    await this.#turn()
    try {
      mayGoOn()
      return await Bun.password.verify(password.subarray(0, MAX_PASSWORD_BYTES), hash, 'bcrypt')
    } finally {
      const next = this.#line.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < this.#atOnce) {
      this.#running += 1
      return
    }
    if (this.#line.length >= MAX_WAITING) throw unavailable('Too many clients are logging in at once; try again in a moment.')
    await new Promise<void>((resolve) => this.#line.push(resolve))
  }
}
