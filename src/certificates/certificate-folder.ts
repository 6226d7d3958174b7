import { randomUUID } from 'node:crypto'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { hasCode } from '../runtime/error-code.ts'
import { CertificateError } from './certificate-error.ts'
import { loadIssue } from './load-issue.ts'
import { isDue, speaksFor } from './renewal.ts'
import { readServerCertificate, type ServerCertificate } from './server-certificate.ts'
import { writeWhole } from './written-file.ts'

/** What stands in a folder with an authority and what it signed for a server. */
export function pathsIn(folder: string) {
  return {
    authority: join(folder, 'ca.crt'),
    authorityKey: join(folder, 'ca.key'),
    certificate: join(folder, 'registry.crt'),
    key: join(folder, 'registry.key'),
  }
}

export interface FolderRequest {
  readonly folder: string
  /** Names and addresses that the certificate must speak for; at least one. */
  readonly hosts: readonly string[]
  /** Also when neither time nor names ask for it. */
  readonly always?: boolean
  readonly now?: Date
}

export interface FolderOutcome {
  readonly certificate: ServerCertificate
  readonly authority: 'made' | 'kept'
  readonly server: 'made' | 'renewed' | 'kept'
}

/**
 * Sees to it that the folder holds an authority and a certificate for these hosts that is not due for renewal. A renewed certificate
 * keeps its key, so that one file changes at once. May be repeated, and done by several at a time. Throws CertificateError.
 */
export async function ensureCertificate(request: FolderRequest): Promise<FolderOutcome> {
  try {
    const made = await makeFolder(request)
    return made ?? (await completeFolder(request))
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause
    throw new CertificateError(`Certificates cannot be kept in ${request.folder}: ${(cause as Error).message}.`, { cause })
  }
}

/** A missing folder appears with everything in it; of several processes that try, one makes it. */
async function makeFolder(request: FolderRequest): Promise<FolderOutcome | undefined> {
  if (await exists(request.folder)) return undefined
  const draft = join(dirname(request.folder), `.${basename(request.folder)}-${randomUUID()}`)
  await mkdir(draft, { recursive: true })
  try {
    const outcome = await completeFolder({ ...request, folder: draft })
    await rename(draft, request.folder)
    return outcome
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (await exists(request.folder)) return undefined
    throw error
  }
}

async function completeFolder({ folder, hosts, always = false, now = new Date() }: FolderRequest): Promise<FolderOutcome> {
  const paths = pathsIn(folder)
  const authority = await ensureAuthority(paths, now)
  const hasKey = await exists(paths.key)
  const current =
    hasKey && (await exists(paths.certificate)) ? await readServerCertificate(paths.certificate, paths.key) : undefined
  const wanted = [...new Set([...hosts, ...(current?.facts.names ?? [])])]
  if (current !== undefined && !always && speaksFor(current, hosts) && !isDue(current, now)) {
    return { certificate: current, authority, server: 'kept' }
  }
  const { issueServerCertificate } = await loadIssue()
  const issuer = { certificate: await readFile(paths.authority, 'utf8'), key: await readFile(paths.authorityKey, 'utf8') }
  const key = hasKey ? await readFile(paths.key, 'utf8') : undefined
  const issued = await issueServerCertificate(issuer, { hosts: wanted, key }, now)
  if (key === undefined) await writeWhole(paths.key, issued.key, 'secret')
  await writeWhole(paths.certificate, issued.certificate, 'public')
  const certificate = await readServerCertificate(paths.certificate, paths.key)
  return { certificate, authority, server: current === undefined ? 'made' : 'renewed' }
}

async function ensureAuthority(paths: ReturnType<typeof pathsIn>, now: Date): Promise<'made' | 'kept'> {
  const hasCertificate = await exists(paths.authority)
  const hasKey = await exists(paths.authorityKey)
  if (hasCertificate && hasKey) return 'kept'
  if (hasCertificate)
    throw new CertificateError(
      `${paths.authority} is there without its key, ${paths.authorityKey}; put it back, or take the certificate away.`,
    )
  const { createAuthority } = await loadIssue()
  const made = await createAuthority(`Berth on ${hostname()}, ${now.toISOString().slice(0, 10)}`, now)
  await writeWhole(paths.authorityKey, made.key, 'secret')
  await writeWhole(paths.authority, made.certificate, 'public')
  return 'made'
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}
