import { describe, expect, spyOn, test } from 'bun:test'
import { SeededRandom, seedFor } from '../../../../test/support/seeded-random.ts'
import { FileNodes } from './file-nodes.ts'
import { ImageFiles } from './image-files.ts'
import type { FileKind, LayerContents, LayerFile, Whiteout } from './layer-file.ts'
import { comparePaths } from './path-order.ts'

function file(path: string, kind: FileKind = 'file', target = ''): LayerFile {
  return { path, kind, target, size: 1, mode: 0o644, userId: 0, groupId: 0, place: 0, found: undefined, fingerprint: undefined }
}

function layer(files: readonly LayerFile[], whiteouts: readonly Whiteout[] = []): LayerContents {
  return { files, whiteouts, problems: [] }
}

function imageOf(...layers: readonly LayerContents[]): ImageFiles {
  const files = new ImageFiles()
  for (const each of layers) files.add(each)
  return files
}

function pathsIn(files: ImageFiles): readonly string[] {
  return [...files.walk()].map(({ path, layer }) => `${path}#${layer}`)
}

describe('the files of an image', () => {
  test('are those of its layers, the higher one over the lower one', () => {
    const files = imageOf(layer([file('etc', 'directory'), file('etc/a'), file('etc/b')]), layer([file('etc/a')]))

    expect(pathsIn(files)).toEqual(['etc#0', 'etc/a#1', 'etc/b#0'])
    expect(files.list('etc')?.map(({ path }) => path)).toEqual(['etc/a', 'etc/b'])
  })

  test('without those that a whiteout takes, with all that was below a folder, and of lower layers alone', () => {
    const below = layer([file('a', 'directory'), file('a/b', 'directory'), file('a/b/c'), file('d')])
    const above = layer(
      [file('d')],
      [
        { path: 'a/b', isOpaque: false },
        { path: 'd', isOpaque: false },
      ],
    )

    expect(pathsIn(imageOf(below, above))).toEqual(['a#0', 'd#1'])
  })

  test('also those of a folder that the files before were put into', () => {
    const below = layer([file('a/b/c')])

    const files = imageOf(below, layer([file('a/b/d')], [{ path: 'a', isOpaque: false }]))

    expect(pathsIn(files)).toEqual(['a/b/d#1'])
    expect(files.list('a/b')?.map(({ path }) => path)).toEqual(['a/b/d'])
  })

  test('of one folder are put together by one way to it', () => {
    using steps = spyOn(FileNodes.prototype, 'ensureChild')
    const folder = 'usr/share/node_modules/app/dist/esm'

    imageOf(layer(Array.from({ length: 100 }, (_, number) => file(`${folder}/${number}`))))

    expect(steps).toHaveBeenCalledTimes(6 + 100)
  })

  test('an opaque folder hides what lower layers have in it, and stays', () => {
    const below = layer([file('a', 'directory'), file('a/old')])
    const above = layer([file('a', 'directory'), file('a/new')], [{ path: 'a', isOpaque: true }])

    expect(pathsIn(imageOf(below, above))).toEqual(['a#1', 'a/new#1'])
  })

  test('a file in the place of a folder takes what was in it, and the other way round', () => {
    const folder = layer([file('a', 'directory'), file('a/b')])

    expect(pathsIn(imageOf(folder, layer([file('a')])))).toEqual(['a#1'])
    expect(pathsIn(imageOf(layer([file('a')]), layer([file('a/b')])))).toEqual(['a/b#1'])
  })

  test('links are followed inside of the image alone, wherever they lead', () => {
    const files = imageOf(
      layer([
        file('usr/lib/os-release'),
        file('etc/os-release', 'symbolic link', '../usr/lib/os-release'),
        file('bin', 'symbolic link', '/usr/bin'),
        file('usr/bin/sh', 'symbolic link', 'dash'),
        file('usr/bin/dash'),
        file('out', 'symbolic link', '../../../../usr/bin/dash'),
        file('round', 'symbolic link', 'about'),
        file('about', 'symbolic link', 'round'),
        file('itself', 'symbolic link', 'itself/itself'),
        file('nowhere', 'symbolic link', '/not/there'),
      ]),
    )

    expect(files.find('/etc/os-release')?.path).toBe('usr/lib/os-release')
    expect(files.find('/bin/sh')?.path).toBe('usr/bin/dash')
    expect(files.find('out')?.path).toBe('usr/bin/dash')
    expect(['round', 'itself', 'nowhere', 'round/x'].map((path) => files.find(path))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  test('a hard link is the file that it names, also of a lower layer; one to nothing stays a link', () => {
    const files = imageOf(
      layer([{ ...file('a'), size: 7 }]),
      layer([file('b', 'hard link', 'a'), file('c', 'hard link', './a'), file('d', 'hard link', 'gone')]),
    )

    expect(['b', 'c', 'd'].map((path) => [files.find(path)?.kind, files.find(path)?.size, files.find(path)?.path])).toEqual([
      ['file', 7, 'b'],
      ['file', 7, 'c'],
      ['hard link', 1, 'd'],
    ])
  })

  test('a folder that no layer names is there as well', () => {
    const files = imageOf(layer([file('a/b/c')]))

    expect(files.list('/')?.map(({ path, kind }) => [path, kind])).toEqual([['a', 'directory']])
    expect(files.list('a/b')?.map(({ path }) => path)).toEqual(['a/b/c'])
    expect(files.list('a/b/c')).toBeUndefined()
  })
})

describe('files in tables', () => {
  test('keep all that a layer says of them, also names beyond ASCII and numbers beyond 32 bits', () => {
    const odd: LayerFile = {
      ...file('a/näme 😀', 'symbolic link', 'zïel'),
      ...{ size: 2 ** 50, mode: 0o7777, userId: 2 ** 40, groupId: 7, place: 299_999 },
      ...{ found: { distribution: { id: 'x', version: undefined, name: 'X' } }, fingerprint: 0xfedc_ba98 },
    }

    const [told] = [...imageOf(layer([]), layer([odd])).walk()]

    expect(told).toEqual({ ...odd, layer: 1, content: { layer: 1, place: 299_999 } })
  })

  test('come back after they went, without what lay in them, and with what is said of them then', () => {
    const folder = layer([file('a', 'directory'), file('a/b', 'directory'), file('a/b/c')])
    const gone = layer([], [{ path: 'a', isOpaque: false }])

    expect(pathsIn(imageOf(folder, gone))).toEqual([])
    expect(pathsIn(imageOf(folder, gone, layer([file('a/b')])))).toEqual(['a/b#2'])
    expect(
      pathsIn(
        imageOf(
          folder,
          layer(
            [],
            [
              { path: '', isOpaque: false },
              { path: 'a/', isOpaque: false },
            ],
          ),
        ),
      ),
    ).toHaveLength(3)
  })

  test('are as plain paths would have them, whatever layers do', () => {
    const seed = seedFor('files in tables')
    const random = new SeededRandom(seed)
    const names = ['a', 'b', 'a-b', 'é', '😀', '\uffee', 'c.d']
    const kinds: readonly FileKind[] = ['file', 'directory', 'symbolic link', 'hard link']
    const pathOf = () => Array.from({ length: 1 + random.below(4) }, () => random.pick(names)).join('/')
    for (let image = 0; image < 100; image += 1) {
      const layers = Array.from({ length: 1 + random.below(4) }, () =>
        layer(
          Array.from({ length: random.below(12) }, (_, place) => ({ ...file(pathOf(), random.pick(kinds), pathOf()), place })),
          Array.from({ length: random.below(3) }, () => ({ path: pathOf(), isOpaque: random.chance(0.5) })),
        ),
      )

      const walked = [...imageOf(...layers).walk()].map(({ path, kind, layer, place }) => ({ path, kind, layer, place }))

      expect(walked, `seed ${seed}, image ${image}`).toEqual(plainly(layers))
      expect(walked.map(({ path }) => path).toSorted(comparePaths)).toEqual(walked.map(({ path }) => path))
    }
  })
})

/** The same by paths alone: undefined is a folder that no layer names. */
function plainly(layers: readonly LayerContents[]) {
  const known = new Map<string, Pick<LayerFile, 'kind' | 'place'> & { readonly layer: number }>()
  const removeBelow = (folder: string) => {
    for (const path of known.keys()) if (path.startsWith(`${folder}/`)) known.delete(path)
  }
  for (const [number, { files, whiteouts }] of layers.entries()) {
    for (const { path, isOpaque } of whiteouts) {
      removeBelow(path)
      if (!isOpaque) known.delete(path)
    }
    for (const { path, kind, place, target } of files) {
      const folders = path.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))
      for (const folder of folders) if (['file', 'hard link'].includes(known.get(folder)?.kind ?? '')) known.delete(folder)
      if (kind !== 'directory') removeBelow(path)
      const linked = kind === 'hard link' ? known.get(target) : undefined
      known.set(path, { kind, place, ...linked, layer: number })
    }
  }
  const inOrder = [...known].sort(([a], [b]) => Buffer.compare(bytesOf(a), bytesOf(b)))
  return inOrder.map(([path, { kind, layer, place }]) => ({ path, kind, layer, place }))
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path.replaceAll('/', '\0'))
}
