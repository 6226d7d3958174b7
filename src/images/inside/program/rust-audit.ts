import { inflateSync } from 'node:zlib'
import { MOST_PACKAGES, packageOf } from '../packages/package.ts'
import type { Package } from '../told/found.ts'

/** Written by cargo auditable. */
export const RUST_SECTION = '.dep-v0'
export const MOST_RUST_BYTES = 1024 * 1024
/** A crate takes about 150. */
const MOST_UNPACKED_BYTES = 4 * 1024 * 1024

/** The crates of a program. Throws for a list that is damaged. */
export function readRustAudit(section: Uint8Array, file: string): readonly Package[] {
  const text = inflateSync(section, { maxOutputLength: MOST_UNPACKED_BYTES }).toString('utf8')
  const list: unknown = JSON.parse(text)
  const packages = typeof list === 'object' && list !== null && 'packages' in list ? list.packages : undefined
  if (!Array.isArray(packages)) throw new Error('it has no packages')
  return packages.slice(0, MOST_PACKAGES).flatMap((told: unknown) => {
    if (typeof told !== 'object' || told === null) return []
    const { name, version, kind } = told as Readonly<Record<string, unknown>>
    // What was run to build it is not in it.
    if (typeof name !== 'string' || typeof version !== 'string' || kind === 'build') return []
    return packageOf({ type: 'cargo', path: file, name, version })
  })
}
