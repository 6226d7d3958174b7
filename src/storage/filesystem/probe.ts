import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'

/** The root directory cannot hold a registry. The message says what to do. */
export class UnusableRootError extends Error {
  override readonly name = 'UnusableRootError'
}

/** Makes the root directory and finds out whether a registry can live there. Throws UnusableRootError. */
export async function probeRoot(root: string): Promise<void> {
  try {
    for (const directory of ['berth/staging', 'docker/registry/v2/blobs', 'docker/registry/v2/repositories']) {
      await mkdir(join(root, directory), { recursive: true })
    }
    await probeNames(join(root, 'berth/staging'))
    await probeRename(join(root, 'berth/staging'), join(root, 'docker/registry'))
  } catch (error) {
    if (error instanceof UnusableRootError) throw error
    // The code and the path: the system's sentence between them does not tell more.
    const reason = error instanceof Error && 'code' in error ? `${error.code} at ${pathOf(error)}` : String(error)
    throw new UnusableRootError(
      `The data directory ${root} cannot be written (${reason}); make it writable or choose another one.`,
      {
        cause: error,
      },
    )
  }
}

/** Tags differ by case; where `Latest` and `latest` are one file, one would overwrite the other. */
export async function probeNames(staging: string): Promise<void> {
  const id = crypto.randomUUID()
  const upper = join(staging, `Probe-${id}`)
  await mkdir(upper)
  try {
    await stat(join(staging, `probe-${id}`))
    throw new UnusableRootError(`The file system of ${staging} does not tell upper case from lower case; use one that does.`)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  } finally {
    await rm(upper, { recursive: true })
  }
}

/** Everything becomes visible by a rename: both trees must be on one file system. */
export async function probeRename(staging: string, registry: string): Promise<void> {
  const name = `probe-${crypto.randomUUID()}`
  await mkdir(join(staging, name))
  try {
    await rename(join(staging, name), join(registry, name))
    await rm(join(registry, name), { recursive: true })
  } catch (error) {
    await rm(join(staging, name), { recursive: true, force: true })
    if (!hasCode(error, 'EXDEV')) throw error
    throw new UnusableRootError('berth/ and docker/ in the data directory are on different file systems; put both on one.', {
      cause: error,
    })
  }
}

function pathOf(error: Error): string {
  return 'path' in error ? String(error.path) : 'the directory'
}
