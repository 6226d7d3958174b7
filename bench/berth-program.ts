import { join } from 'node:path'
import { buildBinary } from '../scripts/image/binary.ts'

let program: Promise<string> | undefined

/** The path of Berth as its users run it: the one-file program, made once for all that is measured. */
export async function berthProgram(): Promise<string> {
  program ??= buildBinary(join(import.meta.dir, '../dist'))
  return await program
}
