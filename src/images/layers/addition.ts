import { posix } from 'node:path'
import { ImageError } from '../image-error.ts'

/** A file or a folder of this machine, and its place in an image. */
export interface Addition {
  readonly source: string
  /** Absolute. The contents of a folder become its contents; with a slash at its end, a file goes below it. */
  readonly destination: string
  readonly userId: number
  readonly groupId: number
  /** Undefined: as the files have it. */
  readonly mode: number | undefined
}

const MOST_ID = 0xffff_fffe

/** `SRC:DEST`, `SRC:DEST:1000`, `SRC:DEST:1000.1000:0644`. Throws ImageError. */
export function parseAddition(text: string): Addition {
  const [source = '', destination = '', owner = '', mode = '', ...rest] = text.split(':')
  const [, user = '', group = user] = /^(\d{1,10})(?:\.(\d{1,10}))?$/.exec(owner || '0.0') ?? []
  if (source === '' || destination === '' || rest.length > 0)
    throw new ImageError(`${text} does not say what goes where; write it as SRC:DEST, or as SRC:DEST:OWNER:MODE`)
  if (user === '' || Number(user) > MOST_ID || Number(group) > MOST_ID)
    throw new ImageError(
      `${owner} in ${text} is no owner; give numbers, as 1000 or 1000.1000: the names of users are known only in the base`,
    )
  if (mode !== '' && !/^[0-7]{3,4}$/.test(mode)) throw new ImageError(`${mode} in ${text} is no mode; give it as 0644 or 755`)
  return {
    ...{ source, destination: placed(destination, text), userId: Number(user), groupId: Number(group) },
    mode: mode === '' ? undefined : Number.parseInt(mode, 8),
  }
}

/** The platform's parts in the place of `{os}`, `{architecture}` and `{variant}`. */
export function forPlatform(addition: Addition, platform: Readonly<Record<string, string | undefined>>): Addition {
  const source = addition.source.replace(/\{(os|architecture|variant)\}/g, (_, part: string) => platform[part] ?? '')
  return { ...addition, source }
}

function placed(destination: string, text: string): string {
  const path = posix.normalize(destination)
  if (!path.startsWith('/') || destination.split('/').includes('..') || path.includes('\0'))
    throw new ImageError(`${destination} in ${text} is no place in an image; it begins with a slash and has no ".."`)
  return path
}
