import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Which of some processes has the connection from this port of this machine; undefined: none of them. */
export function ownerOfPort(port: number, pids: readonly number[]): number | undefined {
  const inode = inodeOf(port)
  return inode === undefined ? undefined : pids.find((pid) => socketsOf(pid).has(`socket:[${inode}]`))
}

/** The tables of the kernel name addresses and ports in hexadecimal, and the socket in their tenth column. */
function inodeOf(port: number): string | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local = '', , , , , , , , inode] = line.trim().split(/\s+/)
      if (local.endsWith(suffix) && inode !== '0') return inode
    }
  }
  return undefined
}

function socketsOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`
  return new Set(readdirSync(folder).map((name) => linkAt(`${folder}/${name}`)))
}

/** A descriptor may be closed while they are read. */
function linkAt(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
