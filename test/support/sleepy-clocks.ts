import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TemporaryFolder } from './temporary-folder.ts'

const CLOCKS_FILE = 'clocks.json'

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

/** The clocks of this process stand as far back as a file of its state directory says, from the moment on at which that is written. */
export function obeyClocksFile(): void {
  const path = join(process.env.STATE_DIRECTORY ?? '', CLOCKS_FILE)
  const setBack = (): SetBack => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { wallMs: 0, monotonicMs: 0 })
  const [wall, monotonic] = [Date.now, performance.now.bind(performance)]
  Date.now = () => wall() - setBack().wallMs
  performance.now = () => monotonic() - setBack().monotonicMs
}
