import { describe, test } from 'bun:test'
import { PROGRAM_PATH } from './processes.ts'

export interface Requirements {
  readonly programs: readonly string[]
  /** Daemons and mounts need root. */
  readonly root?: boolean
  /** Its tests share nothing, and wait more than they compute: all of them run at once. */
  readonly atOnce?: boolean
  /** No registry of packages has the program: a build machine goes without the suite. */
  readonly rare?: boolean
}

/**
 * A suite that needs real programs. Where one is missing, the suite is one visible skip that names it; on a build machine
 * (CI=true) it is a failure, because nobody reads skips there, unless the program is rare.
 */
export function describeWith(requirements: Requirements, title: string, body: () => void): void {
  const lacking = requirements.programs.filter((program) => Bun.which(program, { PATH: PROGRAM_PATH }) === null)
  if (requirements.root === true && process.getuid?.() !== 0) lacking.push('root')
  if (lacking.length === 0) {
    const define = requirements.atOnce === true ? describe.concurrent : describe
    define(title, body)
    return
  }
  const reason = `${title}: needs ${lacking.join(', ')}`
  if (process.env.CI !== 'true') {
    test.skip(reason, () => undefined)
    return
  }
  if (requirements.rare === true) return
  test(reason, () => {
    throw new Error(`${reason}; install what .ci/run installs`)
  })
}
