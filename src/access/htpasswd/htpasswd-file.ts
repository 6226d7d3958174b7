import { readFile } from 'node:fs/promises'
import type { Log } from '../../observe/log.ts'
import { outcomeOf } from '../../observe/outcome.ts'
import { unavailable } from '../../oci/errors.ts'
import { hasCode } from '../../runtime/error-code.ts'
import { markOf } from '../accounts/file-mark.ts'
import { bcryptCost } from '../passwords/bcrypt-hash.ts'
import type { PasswordBook, PasswordRecord } from '../passwords/passwords.ts'
import { UnusableAccessError } from '../unusable-access.ts'
import { type HtpasswdEntries, parseHtpasswd } from './entries.ts'
import { provisionHtpasswd } from './provision.ts'

/** A change holds for every request that comes so much later. */
const LOOK_EVERY_MS = 100
/** A file that changed so recently may have changed again within the same tick of its clock. */
const SETTLED_AFTER_MS = 2_000
/** htpasswd empties the file and then fills it: what is so fresh is read again before it is believed, a few times at most. */
const WRITTEN_AFTER_MS = 100
const MAX_READINGS = 3

interface Version {
  /** What tells one state of the file from another. */
  readonly mark: string
  readonly entries: HtpasswdEntries
  /** By name. */
  readonly records: ReadonlyMap<string, PasswordRecord>
  readonly highestCost: number | undefined
  /** Since its last change, when it was read. */
  readonly ageMs: number
  readonly isSettled: boolean
}

/** An htpasswd file, read again when it changes. */
export class HtpasswdFile implements PasswordBook {
  readonly #path: string
  readonly #log: Log
  #version: Version
  #lookedAt = performance.now()
  #looking: Promise<void> | undefined
  /** Why the file cannot be read now; a password is then neither right nor wrong. */
  #failure: unknown

  private constructor(path: string, log: Log, version: Version) {
    this.#path = path
    this.#log = log
    this.#version = version
    this.#tellUnusable()
  }

  /** Makes the file if it is missing. Throws UnusableAccessError. */
  static async open(path: string, log: Log): Promise<HtpasswdFile> {
    try {
      const version = await readVersion(path).catch(async (error: unknown) => {
        if (!hasCode(error, 'ENOENT')) throw error
        await provisionHtpasswd(path, log)
        return await readVersion(path)
      })
      const [broken] = version.entries.unusable.filter(({ user }) => user === undefined)
      if (broken === undefined) return new HtpasswdFile(path, log, version)
      throw new UnusableAccessError(
        `Line ${broken.line} of the htpasswd file ${path} is ${broken.kind}; correct it or take it out.`,
      )
    } catch (cause) {
      if (cause instanceof UnusableAccessError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new UnusableAccessError(`The htpasswd file of auth.htpasswd.path cannot be used: ${reason}.`, { cause })
    }
  }

  async find(name: string): Promise<PasswordRecord | undefined> {
    const failure = await this.#lookOnce()
    if (failure !== undefined) {
      throw unavailable('The registry cannot look up users now; try again in a moment.', { cause: failure })
    }
    return this.#version.records.get(name)
  }

  highestCost(): number | undefined {
    return this.#version.highestCost
  }

  /** Gives why the file cannot be read now. One that does not answer holds a request up for seconds, not for ever. */
  async #lookOnce(): Promise<unknown> {
    if (performance.now() - this.#lookedAt < LOOK_EVERY_MS) return this.#failure
    const looked = await outcomeOf(() => (this.#looking ??= this.#look()))
    return 'error' in looked ? looked.error : this.#failure
  }

  async #look(): Promise<void> {
    try {
      const before = this.#version
      if ((await markOf(this.#path)).mark !== before.mark) this.#version = await readWritten(this.#path)
      else if (!before.isSettled) this.#version = await readVersion(this.#path)
      if (this.#version.mark !== before.mark) {
        this.#log.info('htpasswd read again', { path: this.#path, users: this.#version.entries.hashes.size })
        this.#tellUnusable()
      }
      if (this.#failure !== undefined) this.#log.info('htpasswd can be read again', { path: this.#path })
      this.#failure = undefined
    } catch (error) {
      if (this.#failure === undefined) this.#log.error('htpasswd cannot be read, nobody can log in', { path: this.#path, error })
      this.#failure = error
    } finally {
      this.#lookedAt = performance.now()
      this.#looking = undefined
    }
  }

  #tellUnusable(): void {
    for (const { line, user, kind } of this.#version.entries.unusable) {
      const advice = 'only bcrypt can be used: htpasswd -B'
      this.#log.warn('htpasswd line lets nobody in', { path: this.#path, line, user, kind, advice })
    }
  }
}

/** The file as it is when no program is writing it. */
async function readWritten(path: string): Promise<Version> {
  for (let reading = 1; ; reading++) {
    const version = await readVersion(path)
    if (version.ageMs > WRITTEN_AFTER_MS || reading === MAX_READINGS) return version
    await Bun.sleep(WRITTEN_AFTER_MS)
  }
}

async function readVersion(path: string): Promise<Version> {
  // Looked at before it is read: a change in between shows at the next look.
  const { mark, changedAtMs } = await markOf(path)
  const entries = parseHtpasswd(await readFile(path, 'utf8'))
  const records = new Map([...entries.hashes].map(([name, passwordHash]) => [name, recordOf(name, passwordHash)]))
  const highestCost = entries.hashes.values().reduce(higherOf, undefined)
  const ageMs = Date.now() - changedAtMs
  return { mark, entries, records, highestCost, ageMs, isSettled: ageMs > SETTLED_AFTER_MS }
}

function higherOf(cost: number | undefined, hash: string): number | undefined {
  const other = bcryptCost(hash)
  return cost === undefined || (other !== undefined && other > cost) ? other : cost
}

/** The revision goes into tokens, which clients keep in files: with the hash itself the reader of such a file could guess the password. */
function recordOf(name: string, passwordHash: string): PasswordRecord {
  return { name, passwordHash, revision: new Bun.CryptoHasher('sha256').update(passwordHash).digest('base64url') }
}
