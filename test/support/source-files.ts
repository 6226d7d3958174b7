import { readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

const SRC = join(import.meta.dir, '../../src')

/** `import … from 'x'`, `export … from 'x'`, `import 'x'`, `import('x')` and `require('x')`. */
const IMPORT = /(?:^(?:import|export)\b(?:[^'"]*?\bfrom)?\s*|\b(?:import|require)\(\s*)'([^']+)'/gm

export interface SourceFile {
  /** Below src, as in `oci/digest.ts`. */
  readonly path: string
  readonly text: string
  /** Without comments. */
  readonly code: string
  /** What it imports, types too: a path below src, or the name of a package. */
  readonly imports: readonly string[]
}

/** Every file of src, unit tests too, in the order of their paths. */
export function readSources(): SourceFile[] {
  return [...new Bun.Glob('**/*.ts').scanSync(SRC)].sort().map(readSource)
}

/** Each cycle once, as `a.ts → b.ts → a.ts`. */
export function cyclesOf(importsOf: ReadonlyMap<string, readonly string[]>): string[] {
  const finished = new Set<string>()
  const cycles: string[] = []
  const visit = (name: string, trail: readonly string[]): void => {
    const start = trail.indexOf(name)
    if (start >= 0) cycles.push([...trail.slice(start), name].join(' → '))
    if (start >= 0 || finished.has(name)) return
    for (const imported of importsOf.get(name) ?? []) visit(imported, [...trail, name])
    finished.add(name)
  }
  for (const name of importsOf.keys()) visit(name, [])
  return cycles
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(SRC, path), 'utf8')
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
  const specifiers = [...code.matchAll(IMPORT)].map((match) => match[1] ?? '')
  return { path, text, code, imports: specifiers.map((specifier) => targetOf(path, specifier)) }
}

/** A relative import as a path below src, or outside of it with leading dots; a package as it is. */
function targetOf(path: string, specifier: string): string {
  return specifier.startsWith('.') ? normalize(join(path, '..', specifier)) : specifier
}
