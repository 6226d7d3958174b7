import { UnusableAccessError } from '../access/unusable-access.ts'
import { CertificateError } from '../certificates/certificate-error.ts'
import type { Config } from '../config/config.ts'
import { SocketPathError } from '../http/server/stale-socket.ts'
import { PostgresUnusableError } from '../metadata/postgres/unusable.ts'
import { DatabaseAwayError, OlderVersionError, StorageInUseError } from '../metadata/processes.ts'
import { ForeignDatabaseError } from '../metadata/sqlite/database-file.ts'
import { RegistryError } from '../oci/errors.ts'
import { StorageGoneError } from '../registry/storage-gate.ts'
import { UnusableRootError } from '../storage/filesystem/probe.ts'
import { DebugServerError } from './debug-server.ts'
import { ListenError } from './listen-error.ts'

/** The registry cannot start. The message is for the operator. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

const OPERATORS = [
  ...[StorageInUseError, StorageGoneError, ForeignDatabaseError, UnusableAccessError, DebugServerError],
  ...[ListenError, SocketPathError, CertificateError, PostgresUnusableError, OlderVersionError],
]

/** How a sentence begins that is about the storage. */
export const STORAGE_UNUSABLE = 'The storage cannot be used'

/** As startErrorOf; what a storage says is explained as `berth storage check` explains it. */
export async function explainedStartError(error: unknown, config: Config): Promise<unknown> {
  const isStorages = error instanceof UnusableRootError || (error instanceof RegistryError && error.code === 'UNAVAILABLE')
  if (!isStorages) return startErrorOf(error, config.metadata.path)
  // It knows the drivers, of which one is in use.
  const { explainStorage } = await import('./storage-check.ts')
  const reason = explainStorage(config, error)
  if (reason === undefined) return startErrorOf(error)
  const { driver } = config.storage
  const place = driver.kind === 'filesystem' ? ` The data directory is ${driver.rootDirectory}.` : ''
  return new StartError(`${STORAGE_UNUSABLE}. ${reason}${place}`, { cause: error })
}

/** What an operator can mend gets a sentence; the rest is ours and keeps its stack. `metadataPath`: where that was set. */
export function startErrorOf(error: unknown, metadataPath?: string): unknown {
  if (error instanceof StartError || !(error instanceof Error)) return error
  if (error instanceof UnusableRootError || OPERATORS.some((kind) => error instanceof kind))
    return new StartError(error.message, { cause: error })
  if (error instanceof RegistryError && error.code === 'UNAVAILABLE') return storageError(error)
  if (error instanceof DatabaseAwayError)
    return new StartError(`PostgreSQL cannot be reached: ${error.message}. Look at metadata.postgres.`, { cause: error })
  const sentence = systemSentence(error, metadataPath)
  return sentence === undefined ? error : new StartError(sentence, { cause: error })
}

/** What a storage says that is not on this machine. */
function storageError(error: RegistryError): StartError {
  const reason = error.cause instanceof Error ? error.cause.message : error.message
  return new StartError(`${STORAGE_UNUSABLE}: ${reason}. Look at section storage of the configuration.`, { cause: error })
}

/** What SQLite and the file system say, by their codes: their words do not tell what to do. */
const DATABASE_SENTENCES: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: 'its file or one beside it cannot be made or opened; look at the owner and the mode of its folder',
  SQLITE_READONLY: 'its file cannot be written; look at its owner and mode, and whether the file system is mounted read-only',
  SQLITE_FULL: 'the disk is full; free space on it',
  SQLITE_BUSY: 'another program holds it; stop that',
  SQLITE_IOERR: 'the disk fails; look at the log of the kernel',
}

const FILE_SENTENCES: Readonly<Record<string, string>> = {
  EACCES: 'this user may not use it; change its owner or mode',
  EPERM: 'this user may not use it; change its owner or mode',
  ENOENT: 'it, or a folder above it, is not there and cannot be made',
  ENOTDIR: 'a file is in the place of a folder',
  EISDIR: 'a folder is in the place of a file',
  EROFS: 'the file system is mounted read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of this user is used up',
  EIO: 'the disk fails; look at the log of the kernel',
}

function systemSentence(error: Error, metadataPath = ''): string | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code.startsWith('SQLITE_')) {
    const [, kind = ''] = /^(SQLITE_[A-Z]+)/.exec(code) ?? []
    const reason = DATABASE_SENTENCES[kind]
    return reason && `The metadata database cannot be used: ${reason}. Its place is metadata.path, or the data directory.`
  }
  const reason = FILE_SENTENCES[code]
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined
  const purpose = path !== undefined && metadataPath.startsWith(path) ? ` It is for the database at metadata.path.` : ''
  return reason && path && `${path} cannot be used: ${reason}.${purpose}`
}
