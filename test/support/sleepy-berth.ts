import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { IMPATIENT_POLICY } from './collecting.ts'
import { serveHurried } from './serve-hurried.ts'
import { CLOCKS_FILE, type SetBack } from './sleepy-clocks.ts'

/** `SLEEPY_BERTH`: its clocks stand as far back as a file of its state directory says, from the moment on at which that is written. */
const path = join(process.env.STATE_DIRECTORY ?? '', CLOCKS_FILE)
const setBack = (): SetBack => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { wallMs: 0, monotonicMs: 0 })
const [wall, monotonic] = [Date.now, performance.now.bind(performance)]
Date.now = () => wall() - setBack().wallMs
performance.now = () => monotonic() - setBack().monotonicMs

await serveHurried({ collector: IMPATIENT_POLICY })
