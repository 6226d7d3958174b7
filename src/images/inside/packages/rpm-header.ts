import type { Package } from '../told/found.ts'
import { packageOf } from './package.ts'

/** Tags of rpm's headers (rpmtag.h). */
const TAGS = { name: 1000, version: 1001, release: 1002, epoch: 1003, architecture: 1022, source: 1044 } as const

const INT32 = 4
const STRING = 6
const INDEX_BYTES = 16
const MOST_ENTRIES = 10_000
const MOST_TEXT = 4_096
const WANTED = new Set<number>(Object.values(TAGS))

/** The package of a header as rpm's database keeps it: an index of tags, and a store of values. None for what is no header. */
export function readRpmHeader(header: Uint8Array, path: string): readonly Package[] {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.length)
  if (bytes.length < 8) return []
  const entries = bytes.readUInt32BE(0)
  const store = 8 + entries * INDEX_BYTES
  if (entries > MOST_ENTRIES || store + bytes.readUInt32BE(4) > bytes.length) return []
  const values = new Map<number, string>()
  for (let entry = 0; entry < entries; entry += 1) {
    const at = 8 + entry * INDEX_BYTES
    const tag = bytes.readUInt32BE(at)
    if (!WANTED.has(tag) || values.has(tag)) continue
    const value = valueAt(bytes, bytes.readUInt32BE(at + 4), store + bytes.readUInt32BE(at + 8))
    if (value !== undefined) values.set(tag, value)
  }
  return rpmPackage(values, path)
}

function valueAt(bytes: Buffer, type: number, at: number): string | undefined {
  if (at >= bytes.length) return undefined
  if (type === INT32) return at + 4 > bytes.length ? undefined : String(bytes.readUInt32BE(at))
  if (type !== STRING) return undefined
  const text = bytes.subarray(at, at + MOST_TEXT)
  const end = text.indexOf(0)
  return end === -1 ? undefined : text.toString('utf8', 0, end)
}

function rpmPackage(values: ReadonlyMap<number, string>, path: string): readonly Package[] {
  const name = values.get(TAGS.name)
  // The keys of signatures are kept as packages, too.
  if (name === undefined || name === 'gpg-pubkey') return []
  const epoch = values.get(TAGS.epoch)
  const version = [values.get(TAGS.version), values.get(TAGS.release)].filter((part) => part !== undefined).join('-')
  const [, source] = /^(.+)-[^-]+-[^-]+\.(?:no)?src\.rpm$/.exec(values.get(TAGS.source) ?? '') ?? []
  const told = { name, version: epoch === undefined || epoch === '0' ? version : `${epoch}:${version}`, source }
  return packageOf({ type: 'rpm', path, ...told, architecture: values.get(TAGS.architecture) })
}
