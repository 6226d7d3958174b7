import { lstat, readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { sha256 } from './images.ts'

/** One line for each name below a directory: kind and permissions, path, and for a file the digest of its bytes. In order. */
export async function directoryTree(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true })
  const lines = names.map(async (name) => await lineOf(directory, join(directory, name)))
  return (await Promise.all(lines)).sort()
}

/** The lines of a tree that are about files. */
export function filesOf(tree: readonly string[]): readonly string[] {
  return tree.filter((line) => line.startsWith('file '))
}

async function lineOf(directory: string, path: string): Promise<string> {
  const entry = await lstat(path)
  const mode = (entry.mode & 0o7777).toString(8)
  const name = relative(directory, path)
  if (entry.isDirectory()) return `directory ${mode} ${name}`
  if (!entry.isFile()) return `other ${mode} ${name}`
  return `file ${mode} ${name} ${sha256(await readFile(path))}`
}
