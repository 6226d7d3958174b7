import type { Distribution, Found, Package, PackageType } from '../told/found.ts'
import type { FileKind, LayerFile } from './layer-file.ts'

const KINDS: readonly FileKind[] = [
  ...(['file', 'directory', 'symbolic link', 'hard link'] as const),
  ...(['character device', 'block device', 'pipe', 'other'] as const),
]
/** Of a file's mode: the permissions are its lowest 12 bits, the kind those above. */
const KIND_SHIFT = 12
const FINGERPRINT_BYTES = 4

/** Files as columns: they compress to a third of what rows do, since most files are in one column as the file before. */
export type FileColumns = readonly [
  /** How many letters each path has in common with the one before, and what comes after them. */
  ...[shared: readonly number[], rests: readonly string[]],
  ...[modes: readonly number[], sizes: readonly number[], userIds: readonly number[], groupIds: readonly number[]],
  /** How many entries of the layer were passed over before each. */
  passed: readonly number[],
  /** Of some files: which one, and its own. */
  ...[targets: readonly (readonly [number, string])[], found: readonly (readonly [number, PackedFound])[]],
  /** Of the files that have content, as base64. */
  fingerprints: string,
]

type PackedFound = readonly [distribution: Distribution | 0, packages: readonly PackedPackage[] | 0]
/** 0: it has none; as its path: that of the file. */
type PackedPackage = readonly [
  ...[type: PackageType, name: string, version: string, path: string | 0],
  ...[architecture: string | 0, source: string | 0],
]

/** `files`: in the order of the layer. */
export function columnsOf(files: readonly LayerFile[]): FileColumns {
  const shared = files.map(({ path }, at) => commonLetters(files[at - 1]?.path ?? '', path))
  const fingerprints = files.filter(hasContent).map(({ fingerprint }) => fingerprint ?? 0)
  return [
    shared,
    files.map(({ path }, at) => path.slice(shared[at])),
    files.map(({ mode, kind }) => (KINDS.indexOf(kind) << KIND_SHIFT) | mode),
    files.map(({ size }) => size),
    files.map(({ userId }) => userId),
    files.map(({ groupId }) => groupId),
    files.map(({ place }, at) => place - (files[at - 1]?.place ?? 0)),
    some(files, ({ target }) => target || undefined),
    some(files, ({ found, path }) => found && packedFound(found, path)),
    Buffer.from(Uint32Array.from(fingerprints).buffer).toString('base64'),
  ]
}

/** What files have that few of them have. */
function some<Value>(files: readonly LayerFile[], find: (file: LayerFile) => Value | undefined): [number, Value][] {
  const found: [number, Value][] = []
  for (let at = 0; at < files.length; at += 1) {
    const file = files[at]
    const value = file && find(file)
    if (value !== undefined) found.push([at, value])
  }
  return found
}

/** The files again. Throws for columns that are not as long as each other. */
export function filesOf(columns: FileColumns): readonly LayerFile[] {
  const [shared, rests, modes, sizes, userIds, groupIds, passed, ofTargets, ofFound, packed] = columns
  const [targets, found] = [new Map(ofTargets), new Map(ofFound)]
  const fingerprints = Buffer.from(packed, 'base64')
  let [before, place, contents] = ['', 0, 0]
  return rests.map((rest, at) => {
    const path = before.slice(0, shared[at]) + rest
    const [state, size] = [modes[at] ?? 0, sizes[at] ?? 0]
    const kind = KINDS[state >>> KIND_SHIFT] ?? 'other'
    before = path
    place += passed[at] ?? 0
    const fingerprint = kind === 'file' && size > 0 ? fingerprints.readUInt32LE(FINGERPRINT_BYTES * contents++) : 0
    return {
      path,
      place,
      kind,
      mode: state & 0o7777,
      size,
      userId: userIds[at] ?? 0,
      groupId: groupIds[at] ?? 0,
      target: targets.get(at) ?? '',
      found: unpackedFound(found.get(at), path),
      fingerprint: fingerprint === 0 ? undefined : fingerprint,
    }
  })
}

function hasContent({ kind, size }: Pick<LayerFile, 'kind' | 'size'>): boolean {
  return kind === 'file' && size > 0
}

function commonLetters(one: string, other: string): number {
  const most = Math.min(one.length, other.length)
  let at = 0
  while (at < most && one.charCodeAt(at) === other.charCodeAt(at)) at += 1
  return at
}

function packedFound({ distribution, packages }: Found, path: string): PackedFound {
  const packed = (each: Package): PackedPackage => [
    ...([each.type, each.name, each.version, each.path === path ? 0 : each.path] as const),
    ...([each.architecture ?? 0, each.source ?? 0] as const),
  ]
  return [distribution ?? 0, packages?.map(packed) ?? 0]
}

function unpackedFound(packed: PackedFound | undefined, filePath: string): Found | undefined {
  if (packed === undefined) return undefined
  const [distribution, packages] = packed
  return {
    ...(distribution === 0 ? {} : { distribution }),
    ...(packages === 0 ? {} : { packages: packages.map((each) => unpackedPackage(each, filePath)) }),
  }
}

function unpackedPackage([type, name, version, path, architecture, source]: PackedPackage, filePath: string): Package {
  const told = { architecture: architecture === 0 ? undefined : architecture, source: source === 0 ? undefined : source }
  return { type, name, version, path: path === 0 ? filePath : path, ...told }
}
