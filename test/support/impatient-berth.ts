import { IMPATIENT_POLICY } from './collecting.ts'
import { serveHurried } from './serve-hurried.ts'

/** `IMPATIENT_BERTH`. */
await serveHurried({ collector: IMPATIENT_POLICY })
