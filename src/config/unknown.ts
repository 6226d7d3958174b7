import type { z } from 'zod'
import { childOf, type Key, keyOf } from './schema/keys.ts'
import { schema } from './schema/schema.ts'
import { findNearest } from './words/nearest.ts'

/** A hint for a key that there is not: the nearest one that there is, else those that may stand there. */
export function describeUnknown(section: readonly string[], name: string): string {
  const around = keyAt(section)
  const siblings = around?.kind === 'section' ? Object.keys(around.shape) : []
  const meant = findMeant(section, name, siblings)
  if (meant !== undefined) return `did you mean ${meant.join('.')}?`
  const known = siblings.filter((sibling) => keyAt([...section, sibling])?.kind !== 'not yet')
  return `known here: ${known.join(', ') || 'none'}`
}

/** The key at a path; a number in it is the place in a list. */
export function keyAt(path: readonly string[]): Key | undefined {
  let key: Key | undefined = keyOf(schema)
  for (const name of path) key = key && childOf(key, name)
  return key
}

function findMeant(section: readonly string[], name: string, siblings: readonly string[]): readonly string[] | undefined {
  // `http` below `http`: the section was begun twice.
  const around = section.lastIndexOf(name)
  if (around >= 0) return section.slice(0, around + 1)
  const nearest = findNearest(name, siblings) ?? siblings.find((sibling) => sibling.endsWith(name))
  if (nearest !== undefined) return [...section, nearest]
  return allPaths(schema).find((path) => path.at(-1) === name)
}

function allPaths(at: z.ZodType, path: readonly string[] = []): (readonly string[])[] {
  const key = keyOf(at)
  if (key.kind !== 'section') return [path]
  return [path, ...Object.entries(key.shape).flatMap(([name, child]) => allPaths(child, [...path, name]))]
}
