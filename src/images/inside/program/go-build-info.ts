import { MOST_PACKAGES, packageOf } from '../packages/package.ts'
import type { Package } from '../told/found.ts'
import { linesOf } from '../told/lines.ts'

/** What Go's linker writes into a program (debug/buildinfo). */
export interface GoBuildInfo {
  /** `go1.23.4` */
  readonly version: string
  /** The package that is the program. */
  readonly path: string | undefined
  readonly modules: readonly Package[]
}

export const GO_SECTION = '.go.buildinfo'
export const MOST_GO_BYTES = 8 * 1024 * 1024

const MAGIC = Buffer.from('\xff Go buildinf:', 'latin1')
const HEADER_BYTES = 32
const FLAGS_AT = 15
/** Since Go 1.18 the texts follow; before, the header had addresses of them. */
const HAS_TEXTS = 2
const MARK_BYTES = 16

/** Undefined for what Go before 1.18 wrote, or another program. */
export function readGoBuildInfo(section: Uint8Array, file: string): GoBuildInfo | undefined {
  const bytes = Buffer.from(section.buffer, section.byteOffset, section.length)
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || ((bytes[FLAGS_AT] ?? 0) & HAS_TEXTS) === 0) return undefined
  const version = textAt(bytes, HEADER_BYTES)
  if (version === undefined) return undefined
  const modules = textAt(bytes, version.end)?.text ?? ''
  return { version: version.text, ...readModules(withoutMarks(modules), file) }
}

function readModules(text: string, file: string): Pick<GoBuildInfo, 'path' | 'modules'> {
  const modules: Package[] = []
  let path: string | undefined
  for (const line of linesOf(text)) {
    const [word, name, version] = line.split('\t', 3)
    if (word === 'path') path = name
    // It stands in the place of the module before it.
    if (word === '=>') modules.pop()
    if ((word === 'mod' || word === 'dep' || word === '=>') && modules.length < MOST_PACKAGES)
      modules.push(...packageOf({ type: 'golang', path: file, name, version }))
  }
  return { path, modules }
}

/** A text behind its length, which is a varint. */
function textAt(bytes: Buffer, at: number): { readonly text: string; readonly end: number } | undefined {
  let length = 0
  for (let place = at, shift = 0; place < bytes.length && shift < 28; place += 1, shift += 7) {
    const byte = bytes[place] ?? 0
    length |= (byte & 0x7f) << shift
    if (byte >= 0x80) continue
    const end = place + 1 + length
    return end > bytes.length ? undefined : { text: bytes.toString('latin1', place + 1, end), end }
  }
  return undefined
}

/** Go puts sixteen bytes before and behind, by which its tools find the text. */
function withoutMarks(text: string): string {
  const isMarked = text.length >= 2 * MARK_BYTES + 1 && text.at(-MARK_BYTES - 1) === '\n'
  return isMarked ? Buffer.from(text.slice(MARK_BYTES, -MARK_BYTES), 'latin1').toString('utf8') : ''
}
