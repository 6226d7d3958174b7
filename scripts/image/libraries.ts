import { readFile } from 'node:fs/promises'
import type { RegularFile } from './file-entry.ts'

/** As in `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`. */
const LOADED_FILE = /(?:^|=> )(\/\S+) \(0x[0-9a-f]+\)$/

/** The loader and the shared libraries that these programs start with, from this machine, at the paths where they are looked for. */
export async function sharedLibraries(programs: readonly string[]): Promise<RegularFile[]> {
  const paths = new Set<string>()
  for (const program of programs) for (const path of await loadedFiles(program)) paths.add(path)
  return await Promise.all(
    [...paths].sort().map(async (path) => ({
      kind: 'file',
      path: path.slice(1),
      mode: 0o755,
      content: await readFile(path),
    })),
  )
}

/** None for a static program, which ldd says with an exit code that it has for failures too. */
async function loadedFiles(program: string): Promise<string[]> {
  const { stdout } = Bun.spawnSync(['ldd', program])
  return stdout
    .toString()
    .split('\n')
    .map((line) => LOADED_FILE.exec(line.trim())?.[1])
    .filter((path) => path !== undefined)
}
