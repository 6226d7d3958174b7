import { randomBytes } from 'node:crypto'
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Log } from '../../observe/log.ts'

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
  const made = await createWhole(path, `${USER}:${hash.replace(/^\$2b\$/, '$2y$')}\n`)
  if (made) log.warn('htpasswd is missing, provisioning with default user', { user: USER, password, path })
}

/** False when another has made the file meanwhile. It never has its name before it is complete. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
    await link(draft, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await file.close()
    await unlink(draft)
  }
}
