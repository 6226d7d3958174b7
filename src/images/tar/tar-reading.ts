import { BLOCK_BYTES, tarSum } from './tar-header.ts'

/** 'records': a name or numbers of the next entry. 'for all': what pax says of all entries, which no path depends on here. */
export type ReadKind = 'file' | 'directory' | 'symbolic link' | 'hard link' | 'records' | 'for all' | 'other'

/** Of a long name or of pax records. */
export const MOST_RECORD_BYTES = 64 * 1024

export interface ReadHeader {
  readonly kind: ReadKind
  readonly type: string
  readonly path: string
  readonly target: string
  /** Of the bytes that follow in the archive. */
  readonly size: number
  readonly mode: number
  readonly userId: number
  readonly groupId: number
}

/** What goes before an entry and takes the place of what its header says. */
export type TarRecords = Readonly<Partial<Record<'path' | 'target' | 'size' | 'userId' | 'groupId', string>>>
/** Most entries have none: their header is what is meant. */
export const NO_RECORDS: TarRecords = {}

const KINDS: Readonly<Record<string, ReadKind>> = {
  ...{ '\0': 'file', '0': 'file', '7': 'file', '1': 'hard link', '2': 'symbolic link', '5': 'directory' },
  ...{ x: 'records', L: 'records', K: 'records', g: 'for all' },
}

/** A block of an archive; 'end' for one of zeros, undefined for what is no header. */
export function readTarHeader(block: Uint8Array): ReadHeader | 'end' | undefined {
  if (block.length < BLOCK_BYTES) return undefined
  if (isEmpty(block)) return 'end'
  const bytes = Buffer.isBuffer(block) ? block : Buffer.from(block.buffer, block.byteOffset, block.length)
  if (numberIn(bytes, 148, 8) !== tarSum(block)) return undefined
  const type = String.fromCharCode(bytes[156] ?? 0)
  const kind = KINDS[type] ?? 'other'
  // Links and folders have no bytes, whatever their headers say.
  const size = kind === 'hard link' || kind === 'symbolic link' || kind === 'directory' ? 0 : numberIn(bytes, 124, 12)
  if (size === undefined) return undefined
  const [mode, userId, groupId] = [numberIn(bytes, 100, 8) ?? 0, numberIn(bytes, 108, 8) ?? 0, numberIn(bytes, 116, 8) ?? 0]
  return { kind, type, path: pathIn(bytes), target: textIn(bytes, 157, 100), size, mode, userId, groupId }
}

function isEmpty(block: Uint8Array): boolean {
  for (let at = 0; at < block.length; at += 1) if (block[at] !== 0) return false
  return true
}

/** The records before an entry: of pax (`x`), or a long name of GNU tar (`L`, and `K` for the target of a link). */
export function readTarRecords(type: string, bytes: Uint8Array): TarRecords {
  const text = new TextDecoder().decode(bytes)
  if (type === 'L') return { path: text.replace(/\0+$/, '') }
  if (type === 'K') return { target: text.replace(/\0+$/, '') }
  const records: Partial<Record<keyof TarRecords, string>> = {}
  for (let at = 0; at < bytes.length; ) {
    const [, digits = ''] = /^(\d{1,6}) /.exec(new TextDecoder().decode(bytes.subarray(at, at + 8))) ?? []
    const length = Number(digits)
    if (length === 0) break
    const record = new TextDecoder().decode(bytes.subarray(at + digits.length + 1, at + length - 1))
    const [key = '', ...value] = record.split('=')
    const field = RECORD_FIELDS[key]
    if (field !== undefined) records[field] = value.join('=')
    at += length
  }
  return records
}

const RECORD_FIELDS: Readonly<Record<string, keyof TarRecords>> = {
  ...{ path: 'path', linkpath: 'target', size: 'size', uid: 'userId', gid: 'groupId' },
}

/** An entry as it is meant; undefined where a record is no number. Records are about the next file, not about other records. */
export function withRecords(header: ReadHeader, records: TarRecords): ReadHeader | undefined {
  if (records === NO_RECORDS || header.kind === 'records' || header.kind === 'for all') return header
  const { path, target, size, userId, groupId } = records
  const numbers = { size: size ?? header.size, userId: userId ?? header.userId, groupId: groupId ?? header.groupId }
  const [bytes, user, group] = Object.values(numbers).map(Number)
  if (![bytes, user, group].every((value) => Number.isSafeInteger(value) && (value ?? -1) >= 0)) return undefined
  const read = { path: path ?? header.path, target: target ?? header.target }
  return { ...header, ...read, size: bytes ?? 0, userId: user ?? 0, groupId: group ?? 0 }
}

/** Beside the name of ustar there is a prefix of it. */
function pathIn(bytes: Buffer): string {
  const name = textIn(bytes, 0, 100)
  const prefix = bytes[345] !== 0 && bytes.toString('latin1', 257, 263) === 'ustar\0' ? textIn(bytes, 345, 155) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

function textIn(bytes: Buffer, at: number, length: number): string {
  if (bytes[at] === 0) return ''
  const end = bytes.indexOf(0, at)
  return bytes.toString('utf8', at, end === -1 ? at + length : Math.min(end, at + length))
}

/** Octal digits, or a number in base 256 where the first bit is set, as GNU tar writes large ones. */
function numberIn(bytes: Buffer, at: number, length: number): number | undefined {
  if ((bytes[at] ?? 0) >= 0x80) {
    let value = BigInt((bytes[at] ?? 0) & 0x7f)
    for (const byte of bytes.subarray(at + 1, at + length)) value = value * 256n + BigInt(byte)
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined
  }
  let [from, end, value] = [at, at + length, 0]
  while (from < end && bytes[from] === SPACE) from += 1
  while (end > from && (bytes[end - 1] === SPACE || bytes[end - 1] === 0)) end -= 1
  for (; from < end; from += 1) {
    const digit = (bytes[from] ?? 0) - ZERO
    if (digit < 0 || digit > 7) return undefined
    value = value * 8 + digit
  }
  return value
}

const SPACE = 0x20
const ZERO = 0x30
