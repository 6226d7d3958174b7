import { setImmediate } from 'node:timers/promises'
import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image/image-config.ts'
import type { ImageFiles } from './files/image-files.ts'
import type { ImageFile } from './files/layer-file.ts'
import { comparePaths } from './files/path-order.ts'
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
  /** Of all that changed, also where not all are told. */
  readonly fileCount: number
  readonly sharedLayers: number
}

/** What is compared of an image. */
export interface ComparedInside {
  readonly config: ImageConfig
  readonly packages: readonly Package[]
  readonly files: Pick<ImageFiles, 'walk'>
  readonly layers: readonly { readonly descriptor: { readonly digest: Digest } }[]
}

/** Other work has its turn after so many. */
const FILES_AT_ONCE = 1_000

/** `mostFiles`: so many of those that changed most are told. */
export async function compareInside(
  before: ComparedInside,
  after: ComparedInside,
  mostFiles = Number.POSITIVE_INFINITY,
): Promise<Difference> {
  const changed = new ChangedFiles(mostFiles)
  let compared = 0
  for (const [old, file] of pairs(before.files.walk(), after.files.walk())) {
    changed.add(old, file)
    compared += 1
    if (compared % FILES_AT_ONCE === 0) await setImmediate()
  }
  return {
    config: changedLines(configLines(before.config), configLines(after.config)),
    packages: changedLines(packageLines(before.packages), packageLines(after.packages)),
    ...changed.told(),
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

/** The files of both at one path, side by side: each comes in the order of its paths. */
function* pairs(
  before: Iterator<ImageFile>,
  after: Iterator<ImageFile>,
): Generator<readonly [ImageFile | undefined, ImageFile | undefined]> {
  let [old, file] = [nextOf(before), nextOf(after)]
  while (old !== undefined || file !== undefined) {
    const order = orderOf(old, file)
    yield [order > 0 ? undefined : old, order < 0 ? undefined : file]
    if (order <= 0) old = nextOf(before)
    if (order >= 0) file = nextOf(after)
  }
}

/** A path that only one of them has comes in its own place. */
function orderOf(old: ImageFile | undefined, file: ImageFile | undefined): number {
  if (old === undefined) return 1
  return file === undefined ? -1 : comparePaths(old.path, file.path)
}

function nextOf(files: Iterator<ImageFile>): ImageFile | undefined {
  const next = files.next()
  return next.done === true ? undefined : next.value
}

/** Those that changed most are kept, the others counted. */
class ChangedFiles {
  readonly #most: number
  #files: ChangedFile[] = []
  /** Of as many as are told. */
  #last: ChangedFile | undefined
  #count = 0

  constructor(most: number) {
    this.#most = most
  }

  add(before: ImageFile | undefined, after: ImageFile | undefined): void {
    if (before !== undefined && after !== undefined && isSame(before, after)) return
    this.#count += 1
    const changed = { path: (after ?? before)?.path ?? '', before, after }
    // It would be cut off again: it is not kept until then.
    if (this.#last !== undefined && byGrowth(this.#last, changed) < 0) return
    this.#files.push(changed)
    if (this.#files.length > 2 * this.#most) this.#cut()
  }

  told(): Pick<Difference, 'files' | 'fileCount'> {
    this.#cut()
    return { files: this.#files, fileCount: this.#count }
  }

  #cut(): void {
    this.#files.sort(byGrowth)
    if (this.#files.length < this.#most) return
    this.#files = this.#files.slice(0, this.#most)
    this.#last = this.#files.at(-1)
  }
}

function byGrowth(a: ChangedFile, b: ChangedFile): number {
  return growth(b) - growth(a) || (a.path < b.path ? -1 : 1)
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
