import { describe, expect, test } from 'bun:test'
import { type MadeEntry, madeTar } from '../../../test/support/made-tar.ts'
import type { AddedFile } from './added-files.ts'
import { ImageFolders } from './image-folders.ts'

const ENTRY = { userId: 0, groupId: 0, modifiedSeconds: 0, sizeBytes: 0, target: '' } as const
const folder = (path: string, mode = 0o755, userId = 0): MadeEntry => ({ path, kind: 'directory', mode, userId })
const link = (path: string, target: string): MadeEntry => ({ path, kind: 'symbolic link', target })
const file = (path: string): AddedFile => ({ source: path, entry: { ...ENTRY, path, kind: 'file', mode: 0o644 } })
const ownFolder = (path: string): AddedFile => ({ source: path, entry: { ...ENTRY, path, kind: 'directory', mode: 0o700 } })

/** Each layer of the base, the lowest first; the files of each layer that is added. Gives the last one, with modes and owners of folders. */
async function placed(base: readonly (readonly MadeEntry[])[], ...added: readonly (readonly AddedFile[])[]) {
  const opened = base.toReversed().map(
    (entries) =>
      async function* () {
        yield Bun.gzipSync(madeTar(entries))
      },
  )
  const folders = await ImageFolders.read(
    added.flat().map(({ entry }) => entry.path),
    opened,
  )
  const layers = added.map((files) => folders.place(files))
  return layers
    .at(-1)
    ?.map(({ entry: { path, kind, mode, userId } }) => (kind === 'directory' ? `${path}/ ${mode.toString(8)} ${userId}` : path))
}

describe('what is added to an image', () => {
  test('has the folders above it, new ones as mkdir makes them, and those of the base as they are there', async () => {
    const base = [[folder('home'), folder('home/app', 0o700, 1000), folder('tmp', 0o1777)]]

    expect(await placed(base, [file('home/app/a/b'), file('tmp/x'), file('top')])).toEqual([
      ...['home/ 755 0', 'home/app/ 700 1000', 'home/app/a/ 755 0', 'home/app/a/b', 'tmp/ 1777 0', 'tmp/x', 'top'],
    ])
    expect(await placed([], [file('usr/local/bin/x')])).toEqual([
      'usr/ 755 0',
      'usr/local/ 755 0',
      'usr/local/bin/ 755 0',
      'usr/local/bin/x',
    ])
  })

  test('leaves a folder of the base as it is where it brings one of its own', async () => {
    expect(await placed([[folder('etc', 0o750, 7)]], [ownFolder('etc'), ownFolder('etc/new')])).toEqual([
      'etc/ 750 7',
      'etc/new/ 700 0',
    ])
  })

  test('keeps what the layer before it has added', async () => {
    expect(await placed([], [ownFolder('app')], [file('app/x')])).toEqual(['app/ 700 0', 'app/x'])
  })

  test('is what the uppermost layer says', async () => {
    expect(await placed([[folder('a', 0o700)], [folder('a', 0o711)]], [file('a/x')])).toEqual(['a/ 711 0', 'a/x'])
  })

  test.each([
    [
      'a link',
      [link('bin', 'usr/bin'), folder('usr'), folder('usr/bin', 0o711)],
      'bin/x',
      ['usr/ 755 0', 'usr/bin/ 711 0', 'usr/bin/x'],
    ],
    ['an absolute link', [link('var/run', '/run'), folder('run', 0o711)], 'var/run/x', ['run/ 711 0', 'run/x']],
    [
      'a link that was not expected',
      [link('data', 'srv/data'), folder('srv', 0o711)],
      'data/x',
      ['srv/ 711 0', 'srv/data/ 755 0', 'srv/data/x'],
    ],
    ['links after each other', [link('a', 'b'), link('b', '../../c')], 'a/x', ['c/ 755 0', 'c/x']],
  ])('goes to where %s of the base leads', async (_, base, path, expected) => {
    expect(await placed([base], [file(path)])).toEqual(expected)
  })

  test('replaces a link or a folder that it names itself', async () => {
    expect(await placed([[link('a', 'b')]], [file('a')])).toEqual(['a'])
  })

  test.each([
    ['was deleted', [folder('.wh.a'), folder('b')]],
    ['was emptied and made anew', [{ path: 'a/.wh..wh..opq' }, folder('a', 0o755)]],
    ['has become a file', [{ path: 'a' }]],
  ])('knows nothing of a folder that %s', async (_, above: readonly MadeEntry[]) => {
    expect(await placed([[folder('a', 0o711), folder('a/b', 0o711)], above], [file('a/b/x')])).toEqual([
      'a/ 755 0',
      'a/b/ 755 0',
      'a/b/x',
    ])
  })

  test('is refused behind links that go round', async () => {
    await expect(placed([[link('a', 'b'), link('b', 'a')]], [file('a/x')])).rejects.toThrow('links of the base that go round')
  })

  test('reads no layer for what is in the root folder, and none below the one that tells all', async () => {
    const read: string[] = []
    const layer = (name: string, entries: readonly MadeEntry[]) =>
      async function* () {
        read.push(name)
        yield madeTar(entries)
      }

    await ImageFolders.read([], [layer('root', [])])
    await ImageFolders.read(['a/b'], [layer('top', [folder('a'), folder('a/b')]), layer('below', [])])

    expect(read).toEqual(['top'])
  })
})
