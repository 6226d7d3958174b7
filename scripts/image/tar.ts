import { type TarKind, tarEnd, tarHeader, tarPadding } from '../../src/images/tar/tar-header.ts'
import type { FileEntry } from './file-entry.ts'

const KINDS: Readonly<Record<FileEntry['kind'], TarKind>> = { file: 'file', link: 'symbolic link', directory: 'directory' }

/** A tar archive (POSIX ustar) of the entries as they come. The same entries give the same bytes, whoever makes it and when. */
export function tar(entries: readonly FileEntry[], modifiedSeconds: number): Uint8Array {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    const content = entry.kind === 'file' ? entry.content : new Uint8Array()
    const header = tarHeader({
      ...{ path: entry.path, kind: KINDS[entry.kind], mode: entry.kind === 'link' ? 0o777 : entry.mode },
      ...{ userId: 0, groupId: 0, sizeBytes: content.length, modifiedSeconds },
      target: entry.kind === 'link' ? entry.target : '',
    })
    parts.push(header, content, tarPadding(content.length))
  }
  return Buffer.concat([...parts, tarEnd()])
}
