import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { collectGarbage } from '../../src/composition/collection.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { registryConfig } from '../support/registry-config.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { OPAQUE_KINDS, writeOpaqueStorage } from '../support/unread-directories.ts'

/** What Berth cannot read is not unused: `garbage-collect` while no server runs, with nothing to wait for. */

setDefaultTimeout(60_000)
const DAY_S = 24 * 60 * 60

let folder: TemporaryFolder

beforeEach(() => {
  folder = new TemporaryFolder({ inMemory: true })
})
afterEach(() => folder[Symbol.dispose]())

test.each(OPAQUE_KINDS)('beside $title only what nothing can name goes', async (kind) => {
  const data = folder.join('data')
  const { goes, stays } = writeOpaqueStorage(data, kind)
  const then = Date.now() / 1000 - DAY_S
  for (const path of await readdir(data, { recursive: true })) await utimes(join(data, path), then, then)
  const path = await folder.file('config.yml', registryConfig(data))
  const { config } = loadConfig({ path, environment: {} })
  const told = { repository: ignore, marksManifest: ignore, marksBlob: ignore, untagged: ignore }
  const options = {
    removesUntagged: false,
    dryRun: false,
    now: false,
    told,
    onPlan: ignore,
    signal: new AbortController().signal,
  }

  for (let round = 0; round < 3; round += 1) await collectGarbage(config, new RecordedLog(), options)

  expect(stays.filter((path) => !existsSync(join(data, path)))).toEqual([])
  // A name that says nothing may need anything: the command takes nothing then.
  expect(goes.filter((path) => existsSync(join(data, path)))).toEqual(kind.isObstacle ? [...goes] : [])
})

function ignore(): void {
  // The lines are another test's.
}
