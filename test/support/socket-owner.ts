import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Which of some processes has the connection from this port of this machine; undefined: none of them. */
export function ownerOfPort(port: number, pids: readonly number[]): number | undefined {
  const inode = inodeOf(port)
  return inode === undefined ? undefined : pids.find((pid) => socketsOf(pid).has(`socket:[${inode}]`))
}

/** How many sockets of this machine wait for connections to a port: processes that share it have one each. */
export function listenersOn(port: number): number {
  return socketLines(port).filter(([, , , state]) => state === '0A').length
}

/** The tables of the kernel name addresses and ports in hexadecimal, and the socket in their tenth column. */
function inodeOf(port: number): string | undefined {
  return socketLines(port).find(({ 9: inode }) => inode !== '0')?.[9]
}

function socketLines(port: number): readonly (readonly string[])[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((table) => readFileSync(table, 'utf8'))
  const lines = tables.flatMap((table) => table.split('\n').slice(1)).map((line) => line.trim().split(/\s+/))
  return lines.filter(([, local = '']) => local.endsWith(suffix))
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
