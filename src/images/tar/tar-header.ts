export const BLOCK_BYTES = 512

export type TarKind = 'file' | 'directory' | 'symbolic link'

/** What a tar archive says of a file before its bytes. */
export interface TarEntry {
  /** Without a slash at either end. */
  readonly path: string
  readonly kind: TarKind
  readonly mode: number
  readonly userId: number
  readonly groupId: number
  readonly sizeBytes: number
  readonly modifiedSeconds: number
  /** Of a symbolic link; else empty. */
  readonly target: string
}

const TYPES: Readonly<Record<TarKind, string>> = { file: '0', 'symbolic link': '2', directory: '5' }
const MOST_NAME_BYTES = 100
/** The largest number of eleven and of seven octal digits. */
const MOST_SIZE = 0o77777777777
const MOST_ID = 0o7777777

/**
 * The header of an entry (POSIX ustar), with a pax header before it where a name or a number is too long for one. The same entry gives the
 * same bytes.
 */
export function tarHeader(entry: TarEntry): Uint8Array {
  const path = entry.kind === 'directory' ? `${entry.path}/` : entry.path
  const records = paxRecords(entry, path)
  const header = block({
    name: cut(path),
    type: TYPES[entry.kind],
    ...entry,
    ...{ target: cut(entry.target), userId: Math.min(entry.userId, MOST_ID), groupId: Math.min(entry.groupId, MOST_ID) },
    sizeBytes: Math.min(entry.sizeBytes, MOST_SIZE),
  })
  if (records.length === 0) return header
  const extended = block({
    ...{ name: 'PaxHeaders/entry', type: 'x', mode: 0o644, userId: 0, groupId: 0, target: '' },
    ...{ sizeBytes: records.length, modifiedSeconds: entry.modifiedSeconds },
  })
  return Buffer.concat([extended, records, tarPadding(records.length), header])
}

/** What follows the bytes of an entry, up to the next block. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array(tarPaddingLength(sizeBytes))
}

export function tarPaddingLength(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES
}

/** What an archive ends with. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK_BYTES)
}

/** The sum of a header's bytes, with spaces in the place of the sum itself. */
export function tarSum(header: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (header[at] ?? 0)
  return sum
}

interface Fields {
  readonly name: string
  readonly type: string
  readonly mode: number
  readonly userId: number
  readonly groupId: number
  readonly sizeBytes: number
  readonly modifiedSeconds: number
  readonly target: string
}

function block({ name, type, mode, userId, groupId, sizeBytes, modifiedSeconds, target }: Fields): Uint8Array {
  const bytes = Buffer.alloc(BLOCK_BYTES)
  bytes.write(name, 0)
  octal(bytes, { at: 100, length: 8, value: mode })
  octal(bytes, { at: 108, length: 8, value: userId })
  octal(bytes, { at: 116, length: 8, value: groupId })
  octal(bytes, { at: 124, length: 12, value: sizeBytes })
  octal(bytes, { at: 136, length: 12, value: modifiedSeconds })
  bytes.write(type, 156)
  bytes.write(target, 157)
  bytes.write('ustar\x0000', 257)
  octal(bytes, { at: 148, length: 7, value: tarSum(bytes) })
  bytes.write(' ', 155)
  return bytes
}

function octal(bytes: Buffer, { at, length, value }: { readonly at: number; readonly length: number; readonly value: number }) {
  bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at)
}

function paxRecords({ target, userId, groupId, sizeBytes }: TarEntry, path: string): Uint8Array {
  const records: string[] = []
  if (Buffer.byteLength(path) > MOST_NAME_BYTES) records.push(paxRecord('path', path))
  if (Buffer.byteLength(target) > MOST_NAME_BYTES) records.push(paxRecord('linkpath', target))
  if (userId > MOST_ID) records.push(paxRecord('uid', String(userId)))
  if (groupId > MOST_ID) records.push(paxRecord('gid', String(groupId)))
  if (sizeBytes > MOST_SIZE) records.push(paxRecord('size', String(sizeBytes)))
  return Buffer.from(records.join(''))
}

/** Its length counts the digits of the length, too. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

/** At the end of a letter: what is cut stands whole in the pax header. */
function cut(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= MOST_NAME_BYTES) return text
  let end = MOST_NAME_BYTES
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
