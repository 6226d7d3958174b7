/** What is known of a user who logs in with a password. */
export interface PasswordRecord {
  readonly name: string
  /** bcrypt. */
  readonly passwordHash: string
  /** Another one after each change of the record: what was remembered for an older one is void. It is no secret. */
  readonly revision: string
}

/** Where the records are kept. */
export interface PasswordBook<Record extends PasswordRecord = PasswordRecord> {
  /**
   * The record as it is now. `anew`: without what is remembered of it, so that an unknown name takes as long as a known one.
   * Throws UNAVAILABLE when it could not look.
   */
  find(name: string, how?: 'anew'): Promise<Record | undefined>
  /** The highest bcrypt cost in the book: every wrong password takes as long. Undefined where there is none. */
  highestCost(): number | undefined
}
