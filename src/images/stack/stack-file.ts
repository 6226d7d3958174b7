import { parseYaml } from '../../config/source/yaml-text.ts'
import { objectIn, textsIn } from '../files/parsed-json.ts'
import { ImageError } from '../image-error.ts'

/** An image as Haskell's Stack described it, before `stack image container` left it. */
export interface StackContainer {
  readonly name: string | undefined
  readonly base: string | undefined
  /** Each folder, beside stack.yaml, with its place in the image. */
  readonly add: readonly { readonly source: string; readonly destination: string }[]
  /** Each gives an image of its own that runs it. */
  readonly entrypoints: readonly string[]
  /** Undefined: all. */
  readonly executables: readonly string[] | undefined
}

const KEYS: ReadonlySet<string> = new Set(['name', 'base', 'add', 'entrypoints', 'executables'])

/** Section `image` of a stack.yaml: its `container`, or its `containers`. Throws ImageError. */
export function parseStackFile(text: string, path: string): readonly StackContainer[] {
  const { tree, problems } = parseYaml(text)
  const [problem] = problems
  if (problem !== undefined)
    throw new ImageError(`${path} ${problem.message}${problem.line === undefined ? '' : ` (line ${problem.line})`}`)
  const image = objectIn(objectIn(tree).image)
  const containers = [...(image.container === undefined ? [] : [image.container]), ...listIn(image.containers)]
  if (containers.length === 0)
    throw new ImageError(`${path} describes no image; it needs a section image: with container: {name, base, add}`)
  return containers.map((container) => parseContainer(objectIn(container), path))
}

function parseContainer(container: Readonly<Record<string, unknown>>, path: string): StackContainer {
  const unknown = Object.keys(container).find((key) => !KEYS.has(key))
  if (unknown !== undefined)
    throw new ImageError(`${path} has a key ${unknown} in its container; there are ${[...KEYS].join(', ')}`)
  const { name, base, add, entrypoints, executables } = container
  return {
    ...{ name: textIn(name), base: textIn(base) },
    add: Object.entries(objectIn(add)).map(([source, destination]) => ({
      source,
      destination: destinationIn(destination, path),
    })),
    entrypoints: programsIn(entrypoints, path),
    executables: executables === undefined || executables === null ? undefined : programsIn(executables, path),
  }
}

function destinationIn(value: unknown, path: string): string {
  if (typeof value === 'string' && value.startsWith('/')) return value
  throw new ImageError(`${path} adds a folder without saying where to; write it as config: /app/config`)
}

/** Names of files in one folder. */
function programsIn(value: unknown, path: string): readonly string[] {
  const names = listIn(value)
  const wrong = names.find((name) => typeof name !== 'string' || name === '' || /[/\0]|^\.\.?$/.test(name))
  if (wrong !== undefined) throw new ImageError(`${path} names a program by ${JSON.stringify(wrong)}, which is no name of a file`)
  return textsIn(names)
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
