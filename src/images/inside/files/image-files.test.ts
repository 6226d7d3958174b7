import { describe, expect, test } from 'bun:test'
import { ImageFiles } from './image-files.ts'
import type { FileKind, LayerContents, LayerFile, Whiteout } from './layer-file.ts'

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
