import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createFile } from '../runtime/whole-file.ts'

const LOCAL_STATE_DIRECTORY = '/var/lib/berth'
/** The volume of the image, empty where the content is in a bucket. */
const IMAGE_VOLUME = '/var/lib/registry'

/** For what must be on this machine: the directory that systemd gives a service, or its usual place. */
export function localStateDirectory(): string {
  return process.env.STATE_DIRECTORY ?? LOCAL_STATE_DIRECTORY
}

/** The same for a bucket, where nothing else needs a folder: in the image, which any user may run, its volume. */
export function bucketStateDirectory(usual: readonly string[] = [LOCAL_STATE_DIRECTORY, IMAGE_VOLUME]): string {
  return process.env.STATE_DIRECTORY ?? usual.find(isWritable) ?? LOCAL_STATE_DIRECTORY
}

function isWritable(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true })
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** The certificates that the AWS SDKs are told to trust, as PEM; undefined: those of the system. */
export function awsCertificateAuthorities(): string | undefined {
  const path = process.env.AWS_CA_BUNDLE
  return path ? readFileSync(path, 'utf8') : undefined
}

/** Whether the environment names a proxy for addresses of a scheme, `http:` or `https:`. */
export function isProxied(scheme: string): boolean {
  const name = `${scheme.slice(0, -1)}_proxy`
  return Boolean(process.env[name] || process.env[name.toUpperCase()])
}

/** Names a directory in which processes see each other's locks, the same for all of them for ever. */
export async function ensureStateId(directory: string): Promise<string> {
  const path = join(directory, 'id')
  const found = await readFile(path, 'utf8').catch(() => undefined)
  if (found !== undefined) return found
  // Of several processes the first one's stays.
  await createFile({ path, text: crypto.randomUUID() })
  return await readFile(path, 'utf8')
}
