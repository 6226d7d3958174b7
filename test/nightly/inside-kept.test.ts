import { describe, expect, test } from 'bun:test'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { insideBytes } from '../support/inside-bytes.ts'
import { imageOf } from '../support/inside-image.ts'
import { type MadeEntry, madeTar } from '../support/made-tar.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const MIB = 1024 * 1024
const TIMEOUT_MS = 300_000
/** Larger ones are programs of their own, and no part of what layers are made of. */
const MOST_FILE_BYTES = 8 * MIB
const MOST_LAYER_BYTES = 150 * MIB

/** Real files of this machine, in one layer each: where they lie, and where in the image. */
const LAYERS = [
  ['packages of Node', [[join(import.meta.dir, '../../node_modules'), 'srv/node_modules']], 1],
  ['packages of Python', [['/usr/lib/python3', 'usr/lib/python3']], 1],
  ['libraries', [['/usr/lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu']], 0.2],
  [
    'Debian',
    [
      ['/usr/share', 'usr/share'],
      ['/usr/bin', 'usr/bin'],
      ['/var/lib/dpkg', 'var/lib/dpkg'],
    ],
    1,
  ],
] as const

describe('of what a layer takes at most a hundredth is kept to tell what is in it:', () => {
  test.each(LAYERS)(
    '%s',
    async (what, folders, mostPercent) => {
      using folder = new TemporaryFolder()
      await using berth = await BerthInProcess.start(folder.join('data'), { readsLayers: true })
      const path = folder.join('data/berth/metadata.db')
      const before = insideBytes(path).bytes
      const layer = gzipSync(madeTar([...entriesOf(folders)]))
      const image = imageOf([layer])
      for (const blob of [image.config, ...image.layers]) await berth.client.pushBlob('app', blob)
      await expectStatus(await berth.client.putManifest('app', 'v1', image.manifest), 201)

      await berth.registry.insideDuty.run(new AbortController().signal)

      const { bytes, tables } = insideBytes(path)
      const percent = (100 * (bytes - before)) / layer.length
      process.stderr.write(
        `${what}: ${percent.toFixed(2)} % of ${(layer.length / MIB).toFixed(1)} MiB, ${JSON.stringify(tables)}\n`,
      )
      expect(percent).toBeLessThan(mostPercent)
    },
    TIMEOUT_MS,
  )
})

function* entriesOf(folders: readonly (readonly [string, string])[]): Generator<MadeEntry> {
  let size = 0
  for (const [folder, as] of folders)
    for (const entry of entriesBelow(folder, as)) {
      size += entry.bytes?.length ?? 0
      if (size > MOST_LAYER_BYTES) return
      yield entry
    }
}

function* entriesBelow(folder: string, as: string): Generator<MadeEntry> {
  for (const name of readdirSync(folder).toSorted()) {
    const [source, path] = [join(folder, name), `${as}/${name}`]
    const status = lstatSync(source)
    const mode = status.mode & 0o7777
    if (status.isSymbolicLink()) yield { path, kind: 'symbolic link', target: readlinkSync(source) }
    if (status.isFile() && status.size <= MOST_FILE_BYTES) yield { path, mode, bytes: readFileSync(source) }
    if (status.isDirectory()) yield { path, mode, kind: 'directory' }
    if (status.isDirectory()) yield* entriesBelow(source, path)
  }
}
