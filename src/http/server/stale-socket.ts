import { lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { undefinedIfMissing } from '../../runtime/error-code.ts'

/** Something lies where the socket should be that is no socket. The message says what to do. */
export class SocketPathError extends Error {
  override readonly name = 'SocketPathError'
}

/**
 * A killed process leaves its socket behind, which is removed. A socket that is answered belongs to a living process, and listening then
 * fails. Throws SocketPathError for anything else at the path: a connection to a file is refused too, and the file is not ours.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const entry = await lstat(path).catch(undefinedIfMissing)
  if (entry === undefined) return
  if (!entry.isSocket()) {
    throw new SocketPathError(`There is something at ${path} that is no socket; remove it, or set http.addr to another path.`)
  }
  if (!(await isAnswered(path))) await unlink(path)
}

/** Any other failure than a refusal leaves the socket alone. */
async function isAnswered(path: string): Promise<boolean> {
  const code = await new Promise<unknown>((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket.destroy() && undefined))
    socket.once('error', (error) => resolve('code' in error ? error.code : undefined))
  })
  return code !== 'ECONNREFUSED'
}
