import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { ImageFiles } from '../../src/images/inside/files/image-files.ts'
import { readPiece } from '../../src/images/inside/files/layer-table.ts'
import { triesAll } from '../support/effort.ts'
import { HOSTILE_LAYERS, type HostileLayer, layerBytes } from '../support/hostile-layers.ts'
import { debianLayer } from '../support/inside-image.ts'
import { listedLayer } from '../support/listed-layer.ts'
import { madeTar } from '../support/made-tar.ts'
import { environmentIn, runToSuccess } from '../support/processes.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(triesAll ? 3_600_000 : 120_000)

/** What the reading of a layer may add to memory, all of it together: listing it, putting its files together, and what they tell. Measured where nothing else runs. */
const MOST_MIB = 64
const PROGRAM = join(import.meta.dir, '../support/hostile-layer-program.ts')
/** They take ten seconds of a processor; a reader's own test has fewer. */
const LONG = ['a million entries', 'as many files as are told']
const KINDS = triesAll ? HOSTILE_LAYERS : HOSTILE_LAYERS.filter(({ what }) => !LONG.includes(what))
const FUZZED = triesAll ? 100_000 : 2_000

describe('a layer that was made to do harm ends its own reading, and nothing else:', () => {
  test.each(KINDS.map((layer) => [layer.what, layer] as const))('%s', async (_, layer) => {
    const { says } = layer

    const { problems, read = 0 } = triesAll ? await readElsewhere(layer) : await listedLayer(layer.chunks())

    if (says === undefined) expect(problems).toEqual([])
    else expect(problems.join('\n')).toMatch(says)
    expect(read).toBeLessThan(MOST_MIB)
  })
})

async function readElsewhere(layer: HostileLayer): Promise<Told> {
  using folder = new TemporaryFolder()
  const path = await folder.file('layer', layerBytes(layer))
  const printed = await runToSuccess([process.execPath, PROGRAM, path], { environment: environmentIn(folder.path) })
  process.stderr.write(`${layer.what}: ${printed}\n`)
  return JSON.parse(printed) as Told
}

interface Told {
  readonly problems: readonly string[]
  /** Of memory, in MiB. */
  readonly read?: number
}

test('layers with damage anywhere are listed as far as they go, and what is kept of them can be read', async () => {
  const seed = seedFor('damaged layers')
  const random = new SeededRandom(seed)
  const archive = madeTar([
    ...debianLayer('openssl 3.0.11-1', 'bash 5.2'),
    { path: 'usr/.wh..wh..opq' },
    { path: `${'long/'.repeat(30)}name`, bytes: 'x'.repeat(700), userId: 70_000_000 },
    { path: 'node_modules/a/package.json', bytes: '{"name":"a","version":"1"}' },
    { path: 'usr/lib/python3/a.dist-info/METADATA', bytes: 'Name: a\nVersion: 1\n\n' },
  ])
  const layers = [archive, gzipSync(archive), zstdCompressSync(archive)]

  let listed = 0
  for (let number = 0; number < FUZZED; number += 1) {
    const layer = Buffer.from(random.pick(layers))
    for (let change = random.below(4); change >= 0; change -= 1) layer[random.below(layer.length)] = random.below(256)
    const cut = random.chance(0.2) ? layer.subarray(0, random.below(layer.length)) : layer
    const { problems, pieces } = await listedLayer([cut])
    const files = new ImageFiles()
    for (const piece of pieces) files.add(readPiece(piece))
    expect([...files.walk()].length + problems.length, `seed ${seed}, layer ${number}`).toBeGreaterThanOrEqual(0)
    listed += 1
  }

  expect(listed).toBe(FUZZED)
})
