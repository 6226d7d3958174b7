import type { FilePage, ListedFile } from './driver.ts'

/** As many as object stores show at once. */
export const FILES_IN_A_PAGE = 1000

/** A full page goes on after its last file. */
export function pageOf(files: readonly ListedFile[]): FilePage {
  return { files, unnamed: [], next: files.length < FILES_IN_A_PAGE ? undefined : files.at(-1)?.path }
}

/** The order in which a tree of directories is walked: by the names on the way, one after the other. */
export function comesAfter(path: string, other: string): boolean {
  return path.replaceAll('/', '\0') > other.replaceAll('/', '\0')
}
