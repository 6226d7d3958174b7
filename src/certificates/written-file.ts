import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { replaceFile } from '../runtime/whole-file.ts'

const MODES = { secret: 0o600, public: 0o644 }

/** Writes a file so that a reader sees all of it or none; makes its folder when that is missing. */
export async function writeWhole(path: string, text: string, kind: keyof typeof MODES): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await replaceFile({ path, text, mode: MODES[kind] })
}
