import type { Interest, Package } from '../told/found.ts'
import { linesOf } from '../told/lines.ts'
import { MOST_PACKAGES, packageOf } from './package.ts'

const MOST_BYTES = 32 * 1024 * 1024

/** Debian's: one file for all, or a file for each package as distroless images have it. */
export const dpkg: Interest = {
  matches: (path) => path === 'var/lib/dpkg/status' || /^var\/lib\/dpkg\/status\.d\/[^/]+$/.test(path),
  mostBytes: MOST_BYTES,
  read: (bytes, path) => (path.endsWith('.md5sums') ? undefined : { packages: parseDpkg(new TextDecoder().decode(bytes), path) }),
}

/** Alpine's. */
export const apk: Interest = {
  matches: (path) => path === 'lib/apk/db/installed' || path === 'usr/lib/apk/db/installed',
  mostBytes: MOST_BYTES,
  read: (bytes, path) => ({ packages: parseApk(new TextDecoder().decode(bytes), path) }),
}

const DPKG_FIELDS = ['Package', 'Version', 'Architecture', 'Source', 'Status']
const APK_FIELDS = ['P', 'V', 'A', 'o']

/** Packages that are installed: dpkg remembers those that were, too. */
export function parseDpkg(text: string, path: string): readonly Package[] {
  return stanzas(text, ': ', DPKG_FIELDS).flatMap((fields) => {
    const status = fields.get('Status')
    if (status !== undefined && !/ (installed|half-configured|unpacked|triggers-(awaited|pending))$/.test(status)) return []
    const [source = ''] = (fields.get('Source') ?? '').split(' ')
    const told = { name: fields.get('Package'), version: fields.get('Version'), architecture: fields.get('Architecture') }
    return packageOf({ type: 'deb', path, ...told, source })
  })
}

export function parseApk(text: string, path: string): readonly Package[] {
  return stanzas(text, ':', APK_FIELDS).flatMap((fields) => {
    const told = { name: fields.get('P'), version: fields.get('V'), architecture: fields.get('A'), source: fields.get('o') }
    return packageOf({ type: 'apk', path, ...told })
  })
}

/** Paragraphs of `Name: value`, of these names alone; lines that go on are left out, and of a name that stands twice the first counts. */
function stanzas(text: string, separator: string, names: readonly string[]): readonly ReadonlyMap<string, string>[] {
  const found: Map<string, string>[] = []
  let fields = new Map<string, string>()
  const end = () => {
    if (fields.size > 0 && found.length < MOST_PACKAGES) found.push(fields)
    fields = new Map()
  }
  for (const line of linesOf(text)) {
    const at = line.indexOf(separator)
    if (line.trim() === '') end()
    else if (at > 0 && names.includes(line.slice(0, at)) && !fields.has(line.slice(0, at)))
      fields.set(line.slice(0, at), line.slice(at + separator.length).trim())
    if (found.length >= MOST_PACKAGES) break
  }
  end()
  return found
}
