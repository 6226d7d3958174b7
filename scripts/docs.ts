import { join } from 'node:path'
import { renderReference } from '../src/config/reference.ts'

/** Writes the pages of docs/ that are made from the program. */
await Bun.write(join(import.meta.dir, '../docs/configuration.md'), renderReference())
