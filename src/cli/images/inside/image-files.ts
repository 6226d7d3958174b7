import { ImageError } from '../../../images/image-error.ts'
import type { FileKind, ImageFile } from '../../../images/inside/files/layer-file.ts'
import { shownPath, shownTarget } from '../../../images/inside/files/shown-path.ts'
import { imageWork } from '../image-work.ts'
import { type InsideFlags, insideOf, print, printJson, tellProblems } from './inside-work.ts'

interface FilesFlags extends InsideFlags {
  readonly json: boolean
  readonly recursive: boolean
}

/** What a container of the image has at a path, as `ls -l` prints it. Throws CommandError and ImageError. */
export async function imageFiles(text: string, path: string, flags: FilesFlags): Promise<void> {
  await imageWork(async (signal) => {
    const { inside } = await insideOf(text, flags, { fingerprintKey: undefined, signal })
    tellProblems(inside)
    const found = flags.recursive ? below(inside.files.walk(), path) : inside.files.list(path)
    const files = found ?? [inside.files.find(path) ?? nothingAt(path)]
    if (flags.json) printJson(files.map(({ found: _, fingerprint: __, place: ___, content: ____, ...file }) => file))
    else for (const file of files) print(fileLine(file))
  })
}

function below(files: Iterable<ImageFile>, path: string): readonly ImageFile[] {
  const folder = path.replace(/^\/+|\/+$/g, '')
  return [...files].filter((file) => folder === '' || file.path === folder || file.path.startsWith(`${folder}/`))
}

function nothingAt(path: string): never {
  throw new ImageError(`there is nothing at ${shownPath(path)} in the image`)
}

const LETTERS: Readonly<Record<FileKind, string>> = {
  ...{ file: '-', directory: 'd', 'symbolic link': 'l', 'hard link': 'h' },
  ...{ 'character device': 'c', 'block device': 'b', pipe: 'p', other: '?' },
}

export function fileLine({ kind, mode, userId, groupId, size, path, target, layer }: ImageFile): string {
  const name = `${shownPath(path)}${target === '' ? '' : ` -> ${shownTarget(target)}`}`
  return `${LETTERS[kind]}${rights(mode)} ${`${userId}:${groupId}`.padStart(9)} ${String(size).padStart(12)}  ${`#${layer + 1}`.padStart(3)}  ${name}`
}

function rights(mode: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, place) => ((mode & (0o400 >> place)) === 0 ? '-' : letter))
  // The bits that come before them: setuid, setgid and sticky.
  for (const [bit, place, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const)
    if ((mode & bit) !== 0) letters[place] = letters[place] === 'x' ? letter : letter.toUpperCase()
  return letters.join('')
}
