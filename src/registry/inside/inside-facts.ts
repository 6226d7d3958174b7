import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Program } from '../../images/inside/program/program.ts'
import type { Distribution, Package, PackageType } from '../../images/inside/told/found.ts'
import type { Digest } from '../../oci/digest.ts'

/** What is kept of an image beside its packages. */
export interface InsideFacts {
  /** Undefined: it is not known. */
  readonly distribution?: Distribution | undefined
  /** Undefined: it is not known. */
  readonly program?: Omit<Program, 'packages' | 'problems'> | undefined
  /** Layers whose bytes lie elsewhere, so that nothing of them is told. */
  readonly absent: readonly Digest[]
  /** How many packages of each type. */
  readonly packages: Readonly<Partial<Record<PackageType, number>>>
  /** Why something of it is not told, a sentence each: its layers' beside these. */
  readonly problems: readonly string[]
}

const MOST_BYTES = 64 * 1024 * 1024

export function countsOf(packages: readonly Package[]): InsideFacts['packages'] {
  const counts: Partial<Record<PackageType, number>> = {}
  for (const { type } of packages) counts[type] = (counts[type] ?? 0) + 1
  return counts
}

export function parseFacts(text: string): InsideFacts {
  return JSON.parse(text) as InsideFacts
}

export function packPackages(packages: readonly Package[]): Uint8Array {
  return zstdCompressSync(JSON.stringify(packages))
}

export function unpackPackages(bytes: Uint8Array): readonly Package[] {
  return JSON.parse(zstdDecompressSync(bytes, { maxOutputLength: MOST_BYTES }).toString('utf8')) as Package[]
}
