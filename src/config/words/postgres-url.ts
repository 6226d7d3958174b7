import { Secret } from './secret.ts'

/** What an address like postgres://name:password@host:5432/database says; undefined where it leaves something out. */
export interface PostgresUrl {
  /** A name, an address, or the folder of a socket. */
  readonly host: string | undefined
  readonly port: number | undefined
  readonly database: string | undefined
  readonly user: string | undefined
  readonly password: Secret | undefined
  /** By `sslmode`. */
  readonly isEncrypted: boolean | undefined
}

/** As PostgreSQL's own programs write it, with a socket as `?host=/folder` or as `%2Ffolder`. A text in place of it is what is wrong, without what stands there. */
export function readPostgresUrl(text: string): PostgresUrl | string {
  const url = /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined
  const decoded = url && decodedParts(url)
  if (url === undefined || decoded === undefined)
    return 'is not the address of a database; write it as postgres://name:password@host:5432/database, with / @ : ? # of a password as %2F %40 %3A %3F %23'
  if (decoded.database?.includes('/') === true) return 'names a database with a slash; write postgres://host/database'
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'sslmode' && name !== 'host')
  if (unknown !== undefined) return `has the option ${JSON.stringify(unknown)}; sslmode and host are those that may stand there`
  const modes = url.searchParams.getAll('sslmode')
  if (modes.length > 1 || !modes.every((mode) => mode === 'disable' || mode === 'verify-full'))
    return 'has an sslmode that neither leaves out encryption nor verifies the server; write sslmode=disable or sslmode=verify-full'
  const folders = url.searchParams.getAll('host')
  if (folders.length > 1 || (folders.length === 1 && decoded.host !== undefined))
    return 'names more than one host; leave one of them'
  return {
    ...decoded,
    host: decoded.host ?? (folders[0] === '' ? undefined : folders[0]),
    port: url.port === '' ? undefined : Number(url.port),
    isEncrypted: modes[0] === undefined ? undefined : modes[0] === 'verify-full',
  }
}

type Decoded = Pick<PostgresUrl, 'host' | 'database' | 'user' | 'password'>

/** Undefined where a percent sign begins no letter. */
function decodedParts({ hostname, pathname, username, password }: URL): Decoded | undefined {
  try {
    const [host, database, user, revealed] = [withoutBrackets(hostname), pathname.slice(1), username, password].map((part) =>
      part === '' ? undefined : decodeURIComponent(part),
    )
    return { host, database, user, password: revealed === undefined ? undefined : new Secret(revealed) }
  } catch {
    return undefined
  }
}

/** Of an address of IPv6. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}
