import { Database } from 'bun:sqlite'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { tarEnd, tarHeader, tarPadding } from '../../src/images/tar/tar-header.ts'
import { type MadeEntry, madeTar, typed } from './made-tar.ts'

/** A layer that was made to do harm. */
export interface HostileLayer {
  readonly what: string
  readonly chunks: () => Iterable<Uint8Array>
  /** What is told of it; undefined: nothing is wrong with it. */
  readonly says: RegExp | undefined
}

const MIB = 1024 * 1024
/** Of a bomb, which has no end: it unpacks to more than is read of it. */
const MOST_BYTES = 4 * MIB

/** The bytes of a layer; of one that has no end the beginning. */
export function layerBytes({ chunks }: HostileLayer): Buffer {
  const parts: Uint8Array[] = []
  let size = 0
  for (const chunk of chunks()) {
    const isEndless = size >= MOST_BYTES && chunk === parts.at(-1)
    if (isEndless) break
    parts.push(chunk)
    size += chunk.length
  }
  return Buffer.concat(parts)
}
const COMMON = { groupId: 0, modifiedSeconds: 0 }

function whole(what: string, bytes: () => Uint8Array, says: RegExp | undefined): HostileLayer {
  return { what, chunks: () => [bytes()], says }
}

function of(what: string, entries: () => readonly MadeEntry[], says: RegExp | undefined): HostileLayer {
  return whole(what, () => gzipSync(madeTar(entries()), { level: 1 }), says)
}

/** The header of a file of so many bytes, and then zeros without an end. */
function* bomb(compress: (bytes: Uint8Array) => Uint8Array): Generator<Uint8Array> {
  yield compress(tarHeader({ path: 'zeros', kind: 'file', target: '', mode: 0o644, userId: 0, sizeBytes: 2 ** 40, ...COMMON }))
  const zeros = compress(new Uint8Array(16 * MIB))
  for (;;) yield zeros
}

/** Names of so many thousand files, each of the thousand again and again. */
function* files(thousands: number, nameOf: (number: number) => string): Generator<Uint8Array> {
  const headers = Array.from({ length: 1_000 }, (_, number) =>
    tarHeader({ path: nameOf(number), kind: 'file', target: '', mode: 0o644, userId: 0, sizeBytes: 0, ...COMMON }),
  )
  const packed = gzipSync(Buffer.concat(headers))
  for (let thousand = 0; thousand < thousands; thousand += 1) yield packed
  yield gzipSync(tarEnd())
}

/** Names of so many thousand files, each of its own. */
function* manyFiles(thousands: number): Generator<Uint8Array> {
  for (let thousand = 0; thousand < thousands; thousand += 1) {
    const headers = Array.from({ length: 1_000 }, (_, number) =>
      tarHeader({
        path: `srv/node_modules/package-${thousand}/dist/file-${number}.js`,
        kind: 'file',
        target: '',
        mode: 0o644,
        userId: 0,
        sizeBytes: 0,
        ...COMMON,
      }),
    )
    yield gzipSync(Buffer.concat(headers), { level: 1 })
  }
  yield gzipSync(tarEnd())
}

function pax(records: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`
      const digits = String(rest.length + String(rest.length).length).length
      return `${rest.length + digits}${rest}`
    })
    .join('')
  const header = tarHeader({ path: 'pax', kind: 'file', target: '', mode: 0o644, userId: 0, sizeBytes: text.length, ...COMMON })
  return Buffer.concat([typed(header, 'x'), Buffer.from(text), tarPadding(text.length)])
}

/** A database as SQLite has it, with a table of packages that never ends. */
function endlessPackages(): Uint8Array {
  using database = new Database(':memory:')
  database.run(
    'CREATE VIEW Packages AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS hnum, zeroblob(1000000) AS blob FROM c',
  )
  return database.serialize()
}

/** A hash database of BerkeleyDB in which a thousand entries of each page lead to the same values. */
function sharedPages(): Uint8Array {
  const [pageBytes, pages] = [4_096, 2_000]
  const bytes = Buffer.alloc(pageBytes * pages)
  bytes.writeUInt32LE(0x061561, 12)
  bytes.writeUInt32LE(pageBytes, 20)
  for (let page = 1; page < pages; page += 1) {
    const at = page * pageBytes
    const isOverflow = page >= pages / 2
    bytes[at + 25] = isOverflow ? 7 : 13
    if (isOverflow) {
      bytes.writeUInt32LE(page + 1 < pages ? page + 1 : 0, at + 16)
      bytes.writeUInt16LE(pageBytes - 26, at + 22)
      continue
    }
    bytes.writeUInt16LE(1_000, at + 20)
    for (let entry = 0; entry < 1_000; entry += 1) bytes.writeUInt16LE(4_080, at + 26 + entry * 2)
    bytes[at + 4_080] = 3
    bytes.writeUInt32LE(pages / 2, at + 4_084)
  }
  return bytes
}

/** A database of rpm's own format in which a hundred thousand slots lead to one blob. */
function sharedBlob(): Uint8Array {
  const [slots, blobBytes] = [100_000, 1024 * 1024]
  const pages = Math.ceil((32 + slots * 16) / 4_096)
  const bytes = Buffer.alloc(pages * 4_096 + 16 + blobBytes)
  bytes.write('RpmP')
  bytes.writeUInt32LE(pages, 12)
  for (let at = 32; at < pages * 4_096; at += 16) {
    bytes.write('Slot', at)
    bytes.writeUInt32LE(1, at + 4)
    bytes.writeUInt32LE((pages * 4_096) / 16, at + 8)
  }
  bytes.write('BlbS', pages * 4_096)
  bytes.writeUInt32LE(1, pages * 4_096 + 4)
  bytes.writeUInt32LE(blobBytes, pages * 4_096 + 12)
  return bytes
}

const link = (path: string, target: string) => ({ path, target, kind: 'symbolic link' }) as const
const deep = (number: number) => `${'a/'.repeat(45)}${number}`

/** Each ends its own reading, or says nothing more than a layer does. */
export const HOSTILE_LAYERS: readonly HostileLayer[] = [
  { what: 'a gzip bomb', chunks: () => bomb(gzipSync), says: /unpacks to more than 100 times its size/ },
  { what: 'a zstd bomb', chunks: () => bomb(zstdCompressSync), says: /unpacks to more than 100 times its size/ },
  { what: 'a million entries', chunks: () => files(1_000, (number) => `${number}`), says: /more than 300,000 files/ },
  { what: 'as many files as are told', chunks: () => manyFiles(299), says: undefined },
  { what: 'entries far down', chunks: () => files(10, deep), says: undefined },
  whole(
    'a name of a megabyte',
    () => Buffer.concat([pax({ path: 'n'.repeat(MIB) }), madeTar([{ path: 'a' }])]),
    /has a name of \d+ bytes/,
  ),
  whole(
    'a name of 60,000 letters',
    () => Buffer.concat([pax({ path: 'n'.repeat(60_000) }), madeTar([{ path: 'a' }])]),
    /a name of 60000 letters/,
  ),
  whole('a size that is no number', () => Buffer.concat([pax({ size: '-1' }), madeTar([{ path: 'a' }])]), /no tar archive/),
  whole('a size beyond all disks', () => Buffer.concat([pax({ size: '9007199254740991' }), madeTar([{ path: 'a' }])]), /was cut/),
  whole('a broken checksum', () => madeTar([{ path: 'a', bytes: 'x' }]).fill(7, 0, 10), /no tar archive/),
  whole(
    'gzip that is cut',
    () => gzipSync(madeTar([{ path: 'a', bytes: crypto.getRandomValues(new Uint8Array(4_096)) }])).subarray(0, 2_000),
    /cut|unpacked/,
  ),
  of('links that lead out', () => [link('a', '../../../../etc'), { path: '../b', bytes: 'x' }, link('/c', '/')], undefined),
  of('links in circles', () => [link('a', 'b'), link('b', 'a'), link('etc/os-release', '../a')], undefined),
  of(
    'two entries of one name',
    () => [
      { path: 'a', bytes: 'x' },
      { path: './a', bytes: 'y' },
      { path: 'a', kind: 'directory' },
    ],
    undefined,
  ),
  of('device files, a pipe and a sparse file', () => ['3', '4', '6', 'S'].map((type) => ({ path: type, type })), undefined),
  of(
    'a list of packages that is one line after another',
    () => [{ path: 'var/lib/dpkg/status', bytes: Buffer.alloc(15 * MIB, '\n') }],
    undefined,
  ),
  of(
    'a paragraph of a million fields',
    () => [{ path: 'lib/apk/db/installed', bytes: Array.from({ length: MIB }, (_, at) => `${at}:v\n`).join('') }],
    undefined,
  ),
  of(
    'a list of packages that is larger than what is read',
    () => [{ path: 'var/lib/dpkg/status', bytes: Buffer.alloc(17 * MIB) }],
    /is not read/,
  ),
  of(
    'packages of rpm without an end',
    () => [{ path: 'var/lib/rpm/rpmdb.sqlite', bytes: endlessPackages() }],
    /which is damaged/,
  ),
  of(
    'packages of rpm that share their pages',
    () => [{ path: 'var/lib/rpm/Packages', bytes: sharedPages() }],
    /which is damaged/,
  ),
  of(
    'packages of rpm, as SUSE has them, that share one blob',
    () => [{ path: 'usr/lib/sysimage/rpm/Packages.db', bytes: sharedBlob() }],
    /which is damaged/,
  ),
  of(
    'a package.json that is deeper than any',
    () => [{ path: 'node_modules/a/package.json', bytes: '['.repeat(MIB - 1) }],
    /which is damaged/,
  ),
  of(
    'a path that was made for a pattern',
    () => [{ path: `${'-1'.repeat(40)}/${'-1'.repeat(45)}.gemspec` }, { path: `specifications/${'a-1'.repeat(25)}.gemspec` }],
    undefined,
  ),
]
