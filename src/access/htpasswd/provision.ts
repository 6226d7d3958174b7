import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Log } from '../../observe/log.ts'
import { createFile } from '../../runtime/whole-file.ts'

const USER = 'docker'
/** That of registry:2. */
const COST = 10

/**
 * Makes the file that is missing, with one user and a password that is told once, in the log, as registry:2 does. Of several processes
 * that start together one makes it.
 */
export async function provisionHtpasswd(path: string, log: Log): Promise<void> {
  const password = randomBytes(32).toString('base64url')
  const hash = await Bun.password.hash(password, { algorithm: 'bcrypt', cost: COST })
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const text = `${USER}:${hash.replace(/^\$2b\$/, '$2y$')}\n`
  const made = await createFile({ path, text, mode: 0o600 })
  if (made) log.warn('htpasswd is missing, provisioning with default user', { user: USER, password, path })
}
