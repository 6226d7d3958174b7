import type { ImageFiles } from './files/image-files.ts'
import { OS_RELEASE_PATHS } from './os-release.ts'
import { byName, MOST_PACKAGES } from './packages/package.ts'
import type { Program } from './program/program.ts'
import type { Distribution, Package } from './told/found.ts'

export function findDistribution(files: ImageFiles): Distribution | undefined {
  for (const path of OS_RELEASE_PATHS) {
    const distribution = files.find(path)?.found?.distribution
    if (distribution !== undefined) return distribution
  }
  return undefined
}

/** What its files and its program tell, each once, by type and name. */
export function findPackages(files: ImageFiles, program: Program | undefined): readonly Package[] {
  const found = new Map<string, Package>()
  const add = (each: Package) => {
    const key = [each.type, each.name, each.version, each.architecture].join('\n')
    if (!found.has(key) && found.size < MOST_PACKAGES) found.set(key, each)
  }
  for (const told of files.told()) told.packages?.forEach(add)
  program?.packages.forEach(add)
  return [...found.values()].sort(byName)
}
