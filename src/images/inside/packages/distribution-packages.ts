import { setImmediate } from 'node:timers/promises'
import type { Interest, Package } from '../told/found.ts'
import { linesIn } from '../told/lines.ts'
import { MOST_PACKAGES, packageOf } from './package.ts'

const MOST_BYTES = 32 * 1024 * 1024

/** Debian's: one file for all, or a file for each package as distroless images have it. */
export const dpkg: Interest = {
  matches: (path) => path === 'var/lib/dpkg/status' || /^var\/lib\/dpkg\/status\.d\/[^/]+$/.test(path),
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

/** Paragraphs of `Name: value`, of these names alone; lines that go on are left out, and of a name that stands twice the first counts. */
async function stanzas(
  bytes: Uint8Array,
  separator: string,
  names: readonly string[],
): Promise<readonly ReadonlyMap<string, string>[]> {
  const found: Map<string, string>[] = []
  let fields = new Map<string, string>()
  const end = () => {
    if (fields.size === 0) return
    if (found.length < MOST_PACKAGES) found.push(fields)
    fields = new Map()
  }
  let lines = 0
  for (const line of linesIn(bytes)) {
    lines += 1
    if (lines % LINES_AT_ONCE === 0) await setImmediate()
    const at = line.indexOf(separator)
    if (line.trim() === '') end()
    else if (at > 0 && names.includes(line.slice(0, at)) && !fields.has(line.slice(0, at)))
      fields.set(line.slice(0, at), line.slice(at + separator.length).trim())
    if (found.length >= MOST_PACKAGES) break
  }
  end()
  return found
}
