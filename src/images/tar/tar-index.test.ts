import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { open } from 'node:fs/promises'
import { madeTar } from '../../../test/support/made-tar.ts'
import { environmentIn, runToSuccess } from '../../../test/support/processes.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { tarHeader } from './tar-header.ts'
import { TarIndex } from './tar-index.ts'

const LONG = `${'folder-'.repeat(30)}/é-${'x'.repeat(120)}`
const ENTRY = { mode: 0o644, userId: 0, groupId: 0, modifiedSeconds: 0, sizeBytes: 0, target: '' } as const

let folder: TemporaryFolder
beforeEach(() => {
  folder = new TemporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

async function indexOf(bytes: Uint8Array): Promise<TarIndex> {
  await using file = await open(await folder.file('a.tar', bytes), 'r')
  return await TarIndex.read(file, 'a.tar')
}

describe('the index of a tar archive', () => {
  test('finds the bytes of each file by its path, whatever its length', async () => {
    const bytes = madeTar([
      { path: './a', bytes: 'first' },
      { path: LONG, bytes: 'second' },
      { path: 'folder', kind: 'directory' },
    ])

    const index = await indexOf(bytes)

    const [a, long] = [index.find('a'), index.find(LONG)]
    expect(bytes.toString('utf8', a?.offset, (a?.offset ?? 0) + (a?.size ?? 0))).toBe('first')
    expect(bytes.toString('utf8', long?.offset, (long?.offset ?? 0) + (long?.size ?? 0))).toBe('second')
    expect([index.find('folder'), index.find('b')]).toEqual([undefined, undefined])
  })

  test('follows links inside of the archive, and gives nothing for those that go round', async () => {
    const link = (path: string, target: string) => ({ path, target, kind: 'symbolic link' }) as const
    const index = await indexOf(
      madeTar([
        { path: 'b/layer.tar', bytes: 'x' },
        link('a/layer.tar', '../b/layer.tar'),
        link('round', 'trip'),
        link('trip', 'round'),
      ]),
    )

    expect(index.find('a/layer.tar')).toEqual(index.find('b/layer.tar'))
    expect(index.find('a/layer.tar')).toMatchObject({ size: 1 })
    expect(index.find('round')).toBeUndefined()
  })

  test.each(['gnu', 'pax', 'ustar', 'v7'])('reads what GNU tar writes in its format %s', async (format) => {
    const path = format === 'v7' ? 'short' : `${'a'.repeat(format === 'ustar' ? 90 : 200)}/${'b'.repeat(90)}`
    await folder.file(`in/${path}`, 'content')
    const environment = environmentIn(folder.join('home'))
    await runToSuccess(['tar', `--format=${format}`, '-C', folder.join('in'), '-cf', folder.join('gnu.tar'), '.'], {
      environment,
    })

    await using file = await open(folder.join('gnu.tar'), 'r')
    const index = await TarIndex.read(file, 'gnu.tar')

    expect(index.find(path)).toMatchObject({ size: 7 })
  })
})

describe('a header', () => {
  test('of a long path, a long link and large numbers is read by GNU tar', async () => {
    const entries = [
      tarHeader({ ...ENTRY, path: LONG, kind: 'directory', userId: 3_000_000, groupId: 4_000_000, mode: 0o755 }),
      tarHeader({ ...ENTRY, path: 'link', kind: 'symbolic link', target: LONG }),
    ]
    const environment = { ...environmentIn(folder.join('home')), LC_ALL: 'C.UTF-8' }
    const archive = await folder.file('a.tar', Buffer.concat([...entries, new Uint8Array(1024)]))

    const listed = await runToSuccess(['tar', '--numeric-owner', '-tvf', archive], { environment })

    expect(listed).toContain(`3000000/4000000`)
    expect(listed).toContain(` ${LONG}/\n`)
    expect(listed).toContain(` link -> ${LONG}\n`)
  })

  test('of more than eight gigabytes says so beside the field that is too small', () => {
    const header = Buffer.from(tarHeader({ ...ENTRY, path: 'large', kind: 'file', sizeBytes: 2 ** 40 }))

    expect(header.toString()).toContain('22 size=1099511627776\n')
  })
})
