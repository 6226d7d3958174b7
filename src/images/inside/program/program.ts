import { shownText } from '../../../oci/image/shown-text.ts'
import type { Package } from '../told/found.ts'
import { type ReadAt, readElf } from './elf.ts'
import { GO_SECTION, MOST_GO_BYTES, readGoBuildInfo } from './go-build-info.ts'
import { MOST_RUST_BYTES, RUST_SECTION, readRustAudit } from './rust-audit.ts'

/** What an image runs. */
export interface Program {
  /** Its file, links followed. */
  readonly path: string
  readonly kind: 'ELF' | 'script' | 'other'
  /** What the program was written in, where the file tells: `Go 1.23.4`, `Rust`; of a script what runs it. */
  readonly language: string | undefined
  /** Of an ELF file: nothing loads it, and it needs no libraries. */
  readonly isStatic: boolean
  readonly libraries: readonly string[]
  /** Of a script, or of an ELF file that is loaded by another program. */
  readonly interpreter: string | undefined
  /** The modules or crates in it. */
  readonly packages: readonly Package[]
  /** What of it could not be read, a sentence each. */
  readonly problems: readonly string[]
}

const MOST_FIRST_LINE = 256
const MOST_TEXT = 300
const SHEBANG = '#!'

/** Reads only what it needs of the file. */
export async function readProgram(path: string, readAt: ReadAt): Promise<Program> {
  const elf = await readElf(readAt)
  if (elf === undefined) return scriptOf(path, new TextDecoder().decode(await readAt(0, MOST_FIRST_LINE)))
  const go = readGoBuildInfo((await elf.section(GO_SECTION, MOST_GO_BYTES)) ?? new Uint8Array(0), path)
  const rust = await elf.section(RUST_SECTION, MOST_RUST_BYTES)
  const crates = cratesOf(rust, path)
  const libraries = elf.libraries.map((name) => shownText(name, MOST_TEXT))
  const { interpreter } = elf
  return {
    ...{ path, kind: 'ELF', libraries },
    isStatic: interpreter === undefined && libraries.length === 0,
    language: languageOf(go?.version, rust !== undefined),
    interpreter: interpreter === undefined ? undefined : shownText(interpreter, MOST_TEXT),
    packages: [...(go?.modules ?? []), ...crates.packages],
    problems: crates.problems,
  }
}

function cratesOf(section: Uint8Array | undefined, path: string): Pick<Program, 'packages' | 'problems'> {
  if (section === undefined) return { packages: [], problems: [] }
  try {
    return { packages: readRustAudit(section, path), problems: [] }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { packages: [], problems: [shownText(`/${path} has a list of its crates that is damaged: ${why}`, MOST_TEXT)] }
  }
}

function languageOf(go: string | undefined, isRust: boolean): string | undefined {
  if (go !== undefined) return shownText(go.replace(/^go/, 'Go '), MOST_TEXT)
  return isRust ? 'Rust' : undefined
}

function scriptOf(path: string, begin: string): Program {
  const nothing = { path, isStatic: false, libraries: [], packages: [], problems: [] }
  if (!begin.startsWith(SHEBANG)) return { ...nothing, kind: 'other', language: undefined, interpreter: undefined }
  const [line = ''] = begin.slice(SHEBANG.length).split('\n', 1)
  const words = line.trim().split(/\s+/)
  // `#!/usr/bin/env -S python3` runs python3.
  const isEnv = words[0]?.endsWith('/env') === true
  const runs = isEnv ? words.slice(1).find((word) => !word.startsWith('-') && !word.includes('=')) : words[0]
  return {
    ...nothing,
    kind: 'script',
    language: shownText(runs?.split('/').at(-1) ?? '', MOST_TEXT),
    interpreter: shownText(line, MOST_TEXT),
  }
}
