import type { FileEntry } from './file-entry.ts'

const BLOCK_BYTES = 512
const TYPES: Readonly<Record<FileEntry['kind'], string>> = { file: '0', link: '2', directory: '5' }

/** A tar archive (POSIX ustar) of the entries as they come. The same entries give the same bytes, whoever makes it and when. */
export function tar(entries: readonly FileEntry[], modifiedSeconds: number): Uint8Array {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    const content = entry.kind === 'file' ? entry.content : new Uint8Array()
    parts.push(header(entry, content.length, modifiedSeconds), content, padding(content.length))
  }
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK_BYTES)])
}

function header(entry: FileEntry, sizeBytes: number, modifiedSeconds: number): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES)
  text(block, { at: 0, length: 100, value: entry.kind === 'directory' ? `${entry.path}/` : entry.path })
  octal(block, { at: 100, length: 8, value: entry.kind === 'link' ? 0o777 : entry.mode })
  octal(block, { at: 108, length: 8, value: 0 })
  octal(block, { at: 116, length: 8, value: 0 })
  octal(block, { at: 124, length: 12, value: sizeBytes })
  octal(block, { at: 136, length: 12, value: modifiedSeconds })
  text(block, { at: 156, length: 1, value: TYPES[entry.kind] })
  text(block, { at: 157, length: 100, value: entry.kind === 'link' ? entry.target : '' })
  text(block, { at: 257, length: 8, value: 'ustar\x0000' })
  // The sum is made with spaces in its own place.
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  octal(block, { at: 148, length: 7, value: sum })
  return block
}

interface Field<Value> {
  readonly at: number
  readonly length: number
  readonly value: Value
}

function text(block: Buffer, { at, length, value }: Field<string>): void {
  if (Buffer.byteLength(value) > length) throw new Error(`${value} is too long for a tar archive`)
  block.write(value, at)
}

function octal(block: Buffer, { at, length, value }: Field<number>): void {
  text(block, { at, length, value: `${value.toString(8).padStart(length - 1, '0')}\0` })
}

function padding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES)
}
