import { expect, test } from 'bun:test'
import { SeededRandom, seedFor } from '../../../test/support/seeded-random.ts'
import { compareInside } from './compare-inside.ts'
import { ImageFiles } from './files/image-files.ts'
import type { LayerFile } from './files/layer-file.ts'

const PLAIN = {
  ...{ createdMs: undefined, platform: undefined, user: '', workingDirectory: '', entrypoint: [], command: [], ports: [] },
  ...{ environment: [], programFolders: [], labels: {}, history: [] },
}

function sideOf(sizes: ReadonlyMap<string, number>) {
  const files = new ImageFiles()
  files.beginLayer()
  for (const [path, size] of sizes) files.addFile({ ...FILE, path, size, fingerprint: size + 1 })
  return { config: PLAIN, packages: [], layers: [], files }
}

const FILE: LayerFile = {
  ...{ path: '', kind: 'file', size: 0, mode: 0o644, userId: 0, groupId: 0, target: '', place: 0 },
  ...{ found: undefined, fingerprint: undefined },
}

test('of many changed files those are told whose size changed most, and all are counted', async () => {
  const seed = seedFor('changed files')
  const random = new SeededRandom(seed)
  const sizes = () =>
    new Map<string, number>(Array.from({ length: random.below(60) }, () => [`f${random.below(40)}`, random.below(6)] as const))
  for (let tries = 0; tries < 200; tries += 1) {
    const [before, after, most] = [sizes(), sizes(), 1 + random.below(8)]

    const { files, fileCount } = await compareInside(sideOf(before), sideOf(after), most)

    const paths = [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path))
    const growth = (path: string) => Math.abs((before.get(path) ?? 0) - (after.get(path) ?? 0))
    const expected = paths.sort((a, b) => growth(b) - growth(a) || (a < b ? -1 : 1)).slice(0, most)
    expect(
      files.map(({ path }) => path),
      `seed ${seed}, try ${tries}`,
    ).toEqual(expected)
    expect(fileCount).toBe(paths.length)
  }
})
