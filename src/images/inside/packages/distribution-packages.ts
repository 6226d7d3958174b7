import { setImmediate } from 'node:timers/promises'
import type { Interest, Package } from '../told/found.ts'
import { beginOf, endOfLine, isAt, isBlank } from '../told/lines.ts'
import { MOST_PACKAGES, packageOf } from './package.ts'

const MOST_BYTES = 32 * 1024 * 1024
const OF_ONE_PACKAGE = /^var\/lib\/dpkg\/status\.d\/[^/]+$/

/** Debian's: one file for all, or a file for each package as distroless images have it. */
export const dpkg: Interest = {
  matches: (path) => path === 'var/lib/dpkg/status' || OF_ONE_PACKAGE.test(path),
  mostBytes: MOST_BYTES,
  read: async (bytes, path) => (path.endsWith('.md5sums') ? undefined : { packages: await parseDpkg(bytes, path) }),
}

/** Alpine's. */
export const apk: Interest = {
  matches: (path) => path === 'lib/apk/db/installed' || path === 'usr/lib/apk/db/installed',
  mostBytes: MOST_BYTES,
  read: async (bytes, path) => ({ packages: await parseApk(bytes, path) }),
}

const DPKG_FIELDS = ['Package', 'Version', 'Architecture', 'Source', 'Status']
const APK_FIELDS = ['P', 'V', 'A', 'o']
/** Other work has its turn after so many: they take a millisecond, and a file may have millions. */
const LINES_AT_ONCE = 5_000

/** Packages that are installed: dpkg remembers those that were, too. */
export async function parseDpkg(bytes: Uint8Array, path: string): Promise<readonly Package[]> {
  const found = await stanzas(bytes, ': ', DPKG_FIELDS)
  return found.flatMap((fields) => {
    const status = fields.get('Status')
    if (status !== undefined && !/ (installed|half-configured|unpacked|triggers-(awaited|pending))$/.test(status)) return []
    const [source = ''] = (fields.get('Source') ?? '').split(' ')
    const told = { name: fields.get('Package'), version: fields.get('Version'), architecture: fields.get('Architecture') }
    return packageOf({ type: 'deb', path, ...told, source })
  })
}

export async function parseApk(bytes: Uint8Array, path: string): Promise<readonly Package[]> {
  const found = await stanzas(bytes, ':', APK_FIELDS)
  return found.flatMap((fields) => {
    const told = { name: fields.get('P'), version: fields.get('V'), architecture: fields.get('A'), source: fields.get('o') }
    return packageOf({ type: 'apk', path, ...told })
  })
}

/**
 * Paragraphs of `Name: value`, of these names alone; lines that go on are left out, and of a name that stands twice the first counts. Of a line that is
 * not told no text is made: a file may have millions of them.
 */
async function stanzas(
  bytes: Uint8Array,
  separator: string,
  names: readonly string[],
): Promise<readonly ReadonlyMap<string, string>[]> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const keys = names.map((name) => ({ name, begin: Buffer.from(name + separator) }))
  const found: Map<string, string>[] = []
  let fields = new Map<string, string>()
  let lines = 0
  for (let [start, end] = [0, 0]; start <= text.length && found.length < MOST_PACKAGES; start = end + 1) {
    lines += 1
    if (lines % LINES_AT_ONCE === 0) await setImmediate()
    end = endOfLine(text, start)
    const key = keyAt(text, start, keys)
    if (key !== undefined && !fields.has(key.name)) fields.set(key.name, beginOf(text, start, end).slice(key.begin.length).trim())
    if (fields.size === 0 || key !== undefined || !isBlank(text, start, end)) continue
    found.push(fields)
    fields = new Map()
  }
  if (fields.size > 0 && found.length < MOST_PACKAGES) found.push(fields)
  return found
}

interface Key {
  readonly name: string
  /** What its lines begin with. */
  readonly begin: Uint8Array
}

function keyAt(text: Buffer, start: number, keys: readonly Key[]): Key | undefined {
  for (const key of keys) if (isAt(text, start, key.begin)) return key
  return undefined
}
