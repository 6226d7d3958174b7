/** A path as archives have it, without `./` and slashes at its ends; undefined for one that leads out, or is none. */
export function innerPath(path: string): string | undefined {
  if (!HAS_PARTS_TO_CHANGE.test(path)) return path
  if (path.startsWith('/') || path.includes('\0')) return undefined
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.includes('..') ? undefined : parts.join('/')
}

/** Of no letters, of one or two dots; or with a zero. Most paths have none, and an archive has hundreds of thousands. */
const HAS_PARTS_TO_CHANGE = /(?:^|\/)\.{0,2}(?:\/|$)|\0/

/** Where a symbolic link leads inside of the archive; undefined: out of it. */
export function resolveLink(path: string, target: string): string | undefined {
  if (target.startsWith('/') || target.includes('\0')) return undefined
  const parts = path.split('/').slice(0, -1)
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join('/')
}
