import { ImageError } from '../../image-error.ts'
import { MOST_PACKAGES } from '../packages/package.ts'
import type { Found } from '../told/found.ts'
import type { FileKind, ImageFile, LayerFile } from './layer-file.ts'
import { TextChunks } from './text-chunks.ts'

/** Of files and folders. Paths that are made of folders alone have many for each file. */
const MOST_NODES = 600_000
/** Those that count for an answer, and as many that a layer above may replace. */
const MOST_FOUND = 2 * MOST_PACKAGES

const SEGMENT_NODES = 1_024
const MOST_VIEWS = 255
const NO_NODE = 0xffff_ffff
const NO_BYTES = new Uint8Array(0)
export const ROOT = 0

/** The numbers of a node. Lengths and layers are two of 16 bits in one. */
const [PARENT, FIRST_CHILD, NEXT, BEFORE, NAME_AT, LENGTHS, STATE, LAYERS, PLACE, TARGET_AT, FINGERPRINT, NUMBERS] = [
  ...([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] as const),
]
const [SIZE, USER, GROUP, LARGE_NUMBERS] = [0, 1, 2, 3] as const

/** Of `STATE`: the permissions are its lowest 12 bits, the kind the four above; no kind is no file. */
const KIND_SHIFT = 12
const IS_THERE = 1 << 16

const KINDS: readonly (FileKind | undefined)[] = [
  ...([undefined, 'file', 'directory', 'symbolic link', 'hard link'] as const),
  ...(['character device', 'block device', 'pipe', 'other'] as const),
]

/** Some nodes: they never move, so that no copy is made while there are more and more. */
interface Segment {
  readonly numbers: Uint32Array
  readonly large: Float64Array
}

/**
 * Files and folders as numbers in tables: 300,000 objects would take a hundred megabytes, and images are made to have so many. A node
 * that was removed stays in the table of names, and comes back with its name.
 */
export class FileNodes {
  readonly #segments: Segment[] = []
  readonly #texts = new TextChunks()
  readonly #found = new Map<number, Found>()
  readonly #encoder = new TextEncoder()
  /** Another one for each image: nobody makes names that all have one place. */
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
  #name = new Uint8Array(1_024)
  /** Of its first bytes, by their number: most names are short. */
  readonly #views: Uint8Array[] = []
  /** By the hash of parent and name: a node plus one, or 0. At most half of them are taken. */
  #slots = new Uint32Array(4_096)
  #count = 0
  #packages = 0

  constructor() {
    this.#create(NO_NODE, new Uint8Array(0))
  }

  child(parent: number, name: string): number | undefined {
    const node = this.#slots[this.#slotOf(parent, this.#encoded(name))] ?? 0
    return node > 0 && this.#isThere(node - 1) ? node - 1 : undefined
  }

  /** Throws ImageError where there are more than in any image. */
  ensureChild(parent: number, name: string): number {
    const bytes = this.#encoded(name)
    const slot = this.#slotOf(parent, bytes)
    const known = (this.#slots[slot] ?? 0) - 1
    if (known >= 0 && this.#isThere(known)) return known
    const node = known >= 0 ? known : this.#create(parent, bytes)
    if (known < 0) this.#take(slot, node)
    this.#put(node, STATE, IS_THERE)
    this.#link(parent, node)
    return node
  }

  parent(node: number): number {
    return node === ROOT ? ROOT : this.#get(node, PARENT)
  }

  kind(node: number): FileKind | undefined {
    return KINDS[(this.#get(node, STATE) >>> KIND_SHIFT) & 15]
  }

  target(node: number): string {
    return this.#texts.at(this.#get(node, TARGET_AT), this.#get(node, LENGTHS) >>> 16).toString('utf8')
  }

  path(node: number): string {
    const names: string[] = []
    for (let each = node; each !== ROOT; each = this.#get(each, PARENT)) names.push(this.#nameBytes(each).toString('utf8'))
    return names.reverse().join('/')
  }

  hasChildren(node: number): boolean {
    return this.#get(node, FIRST_CHILD) !== NO_NODE
  }

  /** By name, in the order of bytes. */
  children(node: number): readonly number[] {
    return this.#childrenOf(node).sort((a, b) => Buffer.compare(this.#nameBytes(a), this.#nameBytes(b)))
  }

  /** What a layer says of it. */
  set(node: number, file: LayerFile, layer: number): void {
    const target = file.target === '' ? NO_BYTES : this.#encoder.encode(file.target)
    const kind = KINDS.indexOf(file.kind) << KIND_SHIFT
    this.#put(node, STATE, IS_THERE | kind | (file.mode & 0o7777))
    this.#put(node, LENGTHS, (this.#get(node, LENGTHS) & 0xffff) | (target.length << 16))
    this.#put(node, TARGET_AT, target.length === 0 ? 0 : this.#texts.add(target))
    this.#put(node, LAYERS, layer | (layer << 16))
    this.#put(node, PLACE, file.place)
    this.#put(node, FINGERPRINT, file.fingerprint ?? 0)
    this.#putLarge(node, SIZE, file.size)
    this.#putLarge(node, USER, file.userId)
    this.#putLarge(node, GROUP, file.groupId)
    this.#setFound(node, file.found)
  }

  /** It has the content of another one. */
  copy(from: number, to: number, layer: number): void {
    const file = this.file(from)
    if (file === undefined) return
    this.set(to, file, layer)
    this.#put(to, LAYERS, layer | (file.content.layer << 16))
  }

  /** It is a folder that no layer names. */
  unset(node: number): void {
    this.#put(node, STATE, this.#get(node, STATE) & IS_THERE)
    this.#setFound(node, undefined)
  }

  /** Undefined for a folder that no layer names. */
  file(node: number): ImageFile | undefined {
    const kind = this.kind(node)
    if (kind === undefined) return undefined
    const { large } = this.#segmentOf(node)
    const [state, layers, place] = [this.#get(node, STATE), this.#get(node, LAYERS), this.#get(node, PLACE)]
    const at = node % SEGMENT_NODES
    const of = (field: number) => large[at * LARGE_NUMBERS + field] ?? 0
    return {
      ...{ path: this.path(node), kind, size: of(SIZE), mode: state & 0o7777, userId: of(USER), groupId: of(GROUP) },
      ...{ target: this.target(node), place, found: this.#found.get(node) },
      fingerprint: this.#get(node, FINGERPRINT) || undefined,
      ...{ layer: layers & 0xffff, content: { layer: layers >>> 16, place } },
    }
  }

  /** What any of them tell, in no order. */
  told(): readonly { readonly path: string; readonly found: Found }[] {
    return [...this.#found].map(([node, found]) => ({ path: this.path(node), found }))
  }

  /** It goes, with all that lies in it. */
  remove(node: number): void {
    const [before, next] = [this.#get(node, BEFORE), this.#get(node, NEXT)]
    if (before === NO_NODE) this.#put(this.parent(node), FIRST_CHILD, next)
    else this.#put(before, NEXT, next)
    if (next !== NO_NODE) this.#put(next, BEFORE, before)
    this.clear(node)
    this.#forget(node)
  }

  /** All that lies in it goes. */
  clear(node: number): void {
    const gone = this.#childrenOf(node)
    this.#put(node, FIRST_CHILD, NO_NODE)
    for (let each = gone.pop(); each !== undefined; each = gone.pop()) {
      for (const child of this.#childrenOf(each)) gone.push(child)
      this.#put(each, FIRST_CHILD, NO_NODE)
      this.#forget(each)
    }
  }

  #forget(node: number): void {
    this.#put(node, STATE, 0)
    this.#setFound(node, undefined)
  }

  #setFound(node: number, found: Found | undefined): void {
    this.#packages -= this.#found.get(node)?.packages?.length ?? 0
    this.#found.delete(node)
    if (found === undefined) return
    const packages = found.packages?.length ?? 0
    if (packages > 0 && this.#packages + packages > MOST_FOUND) return
    this.#found.set(node, found)
    this.#packages += packages
  }

  #childrenOf(node: number): number[] {
    const children: number[] = []
    for (let child = this.#get(node, FIRST_CHILD); child !== NO_NODE; child = this.#get(child, NEXT)) children.push(child)
    return children
  }

  #isThere(node: number): boolean {
    return (this.#get(node, STATE) & IS_THERE) !== 0
  }

  #create(parent: number, name: Uint8Array): number {
    if (this.#count > MOST_NODES)
      throw new ImageError(`the paths of the image have more than ${MOST_NODES.toLocaleString('en-US')} files and folders`)
    const node = this.#count++
    if (node % SEGMENT_NODES === 0) this.#segments.push(newSegment())
    this.#put(node, PARENT, parent)
    this.#put(node, FIRST_CHILD, NO_NODE)
    this.#put(node, NAME_AT, name.length === 0 ? 0 : this.#texts.add(name))
    this.#put(node, LENGTHS, name.length)
    this.#put(node, STATE, IS_THERE)
    return node
  }

  #link(parent: number, node: number): void {
    const next = this.#get(parent, FIRST_CHILD)
    if (next !== NO_NODE) this.#put(next, BEFORE, node)
    this.#put(node, NEXT, next)
    this.#put(node, BEFORE, NO_NODE)
    this.#put(parent, FIRST_CHILD, node)
  }

  #take(slot: number, node: number): void {
    this.#slots[slot] = node + 1
    if (this.#count * 2 < this.#slots.length) return
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let each = 1; each < this.#count; each += 1)
      this.#slots[this.#slotOf(this.#get(each, PARENT), this.#nameBytes(each))] = each + 1
  }

  /** Where a name is, or where it belongs. */
  #slotOf(parent: number, name: Uint8Array): number {
    const { length } = this.#slots
    let slot = (Bun.hash.xxHash32(name, this.#seed) ^ Math.imul(parent, 0x9e3779b1)) >>> 0
    for (slot %= length; ; slot = (slot + 1) % length) {
      const node = (this.#slots[slot] ?? 0) - 1
      if (node < 0 || (this.#get(node, PARENT) === parent && this.#isNamed(node, name))) return slot
    }
  }

  /** Until the next one is asked for. */
  #encoded(name: string): Uint8Array {
    if (name.length * 3 > this.#name.length) {
      this.#name = new Uint8Array(name.length * 3)
      this.#views.length = 0
    }
    const { written } = this.#encoder.encodeInto(name, this.#name)
    if (written > MOST_VIEWS) return this.#name.subarray(0, written)
    const view = this.#views[written] ?? this.#name.subarray(0, written)
    this.#views[written] = view
    return view
  }

  #isNamed(node: number, name: Uint8Array): boolean {
    return (this.#get(node, LENGTHS) & 0xffff) === name.length && this.#texts.isAt(this.#get(node, NAME_AT), name)
  }

  #nameBytes(node: number): Buffer {
    return this.#texts.at(this.#get(node, NAME_AT), this.#get(node, LENGTHS) & 0xffff)
  }

  #get(node: number, field: number): number {
    return this.#segmentOf(node).numbers[(node % SEGMENT_NODES) * NUMBERS + field] ?? 0
  }

  #put(node: number, field: number, value: number): void {
    this.#segmentOf(node).numbers[(node % SEGMENT_NODES) * NUMBERS + field] = value
  }

  #putLarge(node: number, field: number, value: number): void {
    this.#segmentOf(node).large[(node % SEGMENT_NODES) * LARGE_NUMBERS + field] = value
  }

  #segmentOf(node: number): Segment {
    const segment = this.#segments[Math.floor(node / SEGMENT_NODES)]
    if (segment === undefined) throw new RangeError(`there is no node ${node}`)
    return segment
  }
}

function newSegment(): Segment {
  return {
    numbers: new Uint32Array(SEGMENT_NODES * NUMBERS),
    large: new Float64Array(SEGMENT_NODES * LARGE_NUMBERS),
  }
}
