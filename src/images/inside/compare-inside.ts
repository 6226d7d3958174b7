import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image/image-config.ts'
import type { ImageFile, ImageFiles } from './files/image-files.ts'
import type { Package } from './told/found.ts'

/** A line of two images' configs that is not the same. */
export interface ChangedLine {
  readonly name: string
  /** Undefined: it has none. */
  readonly before: string | undefined
  readonly after: string | undefined
}

export interface ChangedFile {
  readonly path: string
  readonly before: ImageFile | undefined
  readonly after: ImageFile | undefined
}

/** What is another in the second image than in the first. */
export interface Difference {
  readonly config: readonly ChangedLine[]
  /** By type and name, with all versions of it. */
  readonly packages: readonly ChangedLine[]
  /** Those whose content or whose rights changed; the largest change of size first. */
  readonly files: readonly ChangedFile[]
  readonly sharedLayers: number
}

/** What is compared of an image. */
export interface ComparedInside {
  readonly config: ImageConfig
  readonly packages: readonly Package[]
  readonly files: Pick<ImageFiles, 'walk'>
  readonly layers: readonly { readonly descriptor: { readonly digest: Digest } }[]
}

export function compareInside(before: ComparedInside, after: ComparedInside): Difference {
  return {
    config: changedLines(configLines(before.config), configLines(after.config)),
    packages: changedLines(packageLines(before.packages), packageLines(after.packages)),
    files: changedFiles(before, after),
    sharedLayers: sharedLayers(before, after),
  }
}

function configLines(config: ImageConfig): ReadonlyMap<string, string> {
  const lines: readonly (readonly [string, string])[] = [
    ['platform', config.platform ?? ''],
    ['user', config.user],
    ['working directory', config.workingDirectory],
    ['entry point', words(config.entrypoint)],
    ['command', words(config.command)],
    ['ports', config.ports.join(' ')],
    ['environment', config.environment.join(' ')],
    ...Object.entries(config.labels).map(([name, value]) => [`label ${name}`, value] as const),
  ]
  return new Map(lines.filter(([, value]) => value !== ''))
}

function words(list: readonly string[]): string {
  return list.length === 0 ? '' : JSON.stringify(list)
}

function packageLines(packages: readonly Package[]): ReadonlyMap<string, string> {
  const lines = new Map<string, string>()
  for (const { type, name, version } of packages) {
    const key = `${type} ${name}`
    const versions = lines.get(key)
    lines.set(key, versions === undefined ? version : `${versions}, ${version}`)
  }
  return lines
}

function changedLines(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly ChangedLine[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  return names
    .map((name) => ({ name, before: before.get(name), after: after.get(name) }))
    .filter((line) => line.before !== line.after)
}

function changedFiles(before: ComparedInside, after: ComparedInside): readonly ChangedFile[] {
  const left = new Map([...before.files.walk()].map((file) => [file.path, file]))
  const changed: ChangedFile[] = []
  for (const file of after.files.walk()) {
    const old = left.get(file.path)
    left.delete(file.path)
    if (old === undefined || !isSame(old, file)) changed.push({ path: file.path, before: old, after: file })
  }
  for (const [path, old] of left) changed.push({ path, before: old, after: undefined })
  return changed.sort((a, b) => growth(b) - growth(a) || (a.path < b.path ? -1 : 1))
}

function growth({ before, after }: ChangedFile): number {
  return Math.abs((after?.size ?? 0) - (before?.size ?? 0))
}

function isSame(a: ImageFile, b: ImageFile): boolean {
  const isAlike = a.kind === b.kind && a.mode === b.mode && a.userId === b.userId && a.groupId === b.groupId
  return isAlike && a.size === b.size && a.target === b.target && a.fingerprint === b.fingerprint
}

function sharedLayers(before: ComparedInside, after: ComparedInside): number {
  const digests = new Set(before.layers.map(({ descriptor }) => descriptor.digest))
  return after.layers.filter(({ descriptor }) => digests.has(descriptor.digest)).length
}
