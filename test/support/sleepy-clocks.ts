import { renameSync, writeFileSync } from 'node:fs'
import type { TemporaryFolder } from './temporary-folder.ts'

export const CLOCKS_FILE = 'clocks.json'

/** How far the clocks of a machine stand back, in milliseconds. */
export interface SetBack {
  readonly wallMs: number
  /** Of the clock that counts from the start: on Linux it stands still while a machine sleeps. */
  readonly monotonicMs: number
}

/** For a `SLEEPY_BERTH` that keeps its state below the folder. */
export function setClocksBack(folder: TemporaryFolder, setBack: SetBack): void {
  const path = folder.join('state', CLOCKS_FILE)
  writeFileSync(`${path}.new`, JSON.stringify(setBack))
  renameSync(`${path}.new`, path)
}
