import { inflateSync } from 'node:zlib'
import { MOST_PACKAGES, packageOf } from '../packages/package.ts'
import type { Package } from '../told/found.ts'

/** Written by cargo auditable. */
export const RUST_SECTION = '.dep-v0'
export const MOST_RUST_BYTES = 1024 * 1024
const MOST_UNPACKED_BYTES = 8 * 1024 * 1024

/** The crates of a program; none for what is no such list. */
export function readRustAudit(section: Uint8Array, file: string): readonly Package[] {
  const packages = parse(section)?.packages
  if (!Array.isArray(packages)) return []
  return packages.slice(0, MOST_PACKAGES).flatMap((told: unknown) => {
    if (typeof told !== 'object' || told === null) return []
    const { name, version, kind } = told as Readonly<Record<string, unknown>>
    // What was run to build it is not in it.
    if (typeof name !== 'string' || typeof version !== 'string' || kind === 'build') return []
    return packageOf({ type: 'cargo', path: file, name, version })
  })
}

function parse(section: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = inflateSync(section, { maxOutputLength: MOST_UNPACKED_BYTES }).toString('utf8')
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
