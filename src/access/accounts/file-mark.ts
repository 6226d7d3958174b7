import { stat } from 'node:fs/promises'

export interface FileMark {
  /** What tells one state of a file from another. */
  readonly mark: string
  readonly changedAtMs: number
}

/** Follows symbolic links: Kubernetes changes files by turning one. */
export async function markOf(path: string): Promise<FileMark> {
  const { mtimeNs, ctimeNs, ctimeMs, size, ino, dev } = await stat(path, { bigint: true })
  return { mark: [mtimeNs, ctimeNs, size, ino, dev].join(' '), changedAtMs: Number(ctimeMs) }
}
