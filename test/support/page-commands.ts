import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The text of a page of docs/operations. */
export function operationsPage(name: string): string {
  return readFileSync(join(import.meta.dir, '../../docs/operations', name), 'utf8')
}

/** What stands behind `docker exec registry berth` in the blocks of a page, without the comments at the ends of lines. */
export function commandsIn(page: string): readonly string[] {
  return [...page.matchAll(/^docker exec registry berth (.*?)(?: +#.*)?$/gm)].map(([, words = '']) => words)
}
