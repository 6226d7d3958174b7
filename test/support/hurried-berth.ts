import { serveHurried } from './serve-hurried.ts'

/** `HURRIED_BERTH`. */
await serveHurried()
