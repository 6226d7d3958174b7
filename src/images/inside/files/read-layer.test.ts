import { describe, expect, test } from 'bun:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { madeTar } from '../../../../test/support/made-tar.ts'
import { ImageError } from '../../image-error.ts'
import { tarHeader } from '../../tar/tar-header.ts'
import { INTERESTS } from '../interests.ts'
import type { LayerContents } from './layer-file.ts'
import { listLayer, readLayer } from './read-layer.ts'
import { ReadingBudget } from './reading-budget.ts'

async function* inPieces(bytes: Uint8Array, length = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

async function read(bytes: Uint8Array, fingerprintKey?: string): Promise<LayerContents> {
  return await readLayer(inPieces(bytes), {
    label: 'the layer',
    interests: INTERESTS,
    budget: new ReadingBudget(),
    fingerprintKey,
  })
}

/** Each part compressed by itself. */
function inParts(tar: Buffer, compress: (part: Buffer) => Buffer): Buffer {
  return Buffer.concat([tar.subarray(0, 700), tar.subarray(700, 1_024), tar.subarray(1_024)].map(compress))
}

function skippedAfter(part: Buffer): Buffer {
  return Buffer.concat([zstdCompressSync(part), skipped(0x184d2a50)])
}

function skipped(magic: number): Buffer {
  const frame = Buffer.alloc(8 + 40)
  frame.writeUInt32LE(magic, 0)
  frame.writeUInt32LE(40, 4)
  return frame
}

const OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'

describe('reading a layer', () => {
  test.each([
    ['as it is', (tar: Buffer) => tar],
    ['with gzip', gzipSync],
    ['with zstd', zstdCompressSync],
    ['as eStargz has it, in members', (tar: Buffer) => inParts(tar, gzipSync)],
    ['as zstd:chunked has it, in frames with others that are skipped', (tar: Buffer) => inParts(tar, skippedAfter)],
    ['with zstd after a frame that is skipped', (tar: Buffer) => Buffer.concat([skipped(0x184d2a5f), zstdCompressSync(tar)])],
  ])('%s lists its files, and tells what they say', async (_, compress) => {
    const tar = madeTar([
      { path: 'etc', kind: 'directory', mode: 0o755 },
      { path: './etc/os-release', bytes: OS_RELEASE },
      { path: '/usr/bin/app', bytes: 'program', mode: 0o4755, userId: 1_000 },
      { path: 'bin', kind: 'symbolic link', target: 'usr/bin' },
    ])

    const { files, problems } = await read(compress(tar))

    expect(problems).toEqual([])
    expect(files.map(({ path, kind, size, mode, userId, target }) => [path, kind, size, mode, userId, target])).toEqual([
      ['etc', 'directory', 0, 0o755, 0, ''],
      ['etc/os-release', 'file', OS_RELEASE.length, 0o644, 0, ''],
      ['usr/bin/app', 'file', 7, 0o4755, 1_000, ''],
      ['bin', 'symbolic link', 0, 0o644, 0, 'usr/bin'],
    ])
    expect(files[1]?.found?.distribution).toEqual({ id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' })
  })

  test('of an empty file tells what its name says', async () => {
    const { files } = await read(madeTar([{ path: 'app/log4j-core-2.17.1.jar' }, { path: 'app/log4j.txt' }]))

    expect(files.map(({ found }) => found?.packages?.map(({ name }) => name))).toEqual([['log4j-core'], undefined])
  })

  test('passes over the table and the marks of eStargz, which are about the layer', async () => {
    const names = ['.no.prefetch.landmark', '.prefetch.landmark', 'srv/stargz.index.json', 'stargz.index.json']

    const { files } = await read(madeTar(names.map((path) => ({ path, bytes: 'x' }))))

    expect(files.map(({ path, place }) => [path, place])).toEqual([['srv/stargz.index.json', 2]])
  })

  test('tells whiteouts and opaque folders apart from files', async () => {
    const { files, whiteouts } = await read(
      madeTar([{ path: 'a/.wh.b' }, { path: 'c/.wh..wh..opq' }, { path: '.wh..wh..opq' }, { path: '.wh.d' }]),
    )

    expect(files).toEqual([])
    expect(whiteouts).toEqual([
      { path: 'a/b', isOpaque: false },
      { path: 'c', isOpaque: true },
      { path: '', isOpaque: true },
      { path: 'd', isOpaque: false },
    ])
  })

  test('gives each file a fingerprint of its content, where it is to be compared', async () => {
    const { files } = await read(
      madeTar([
        { path: 'a', bytes: 'one' },
        { path: 'b', bytes: 'two' },
        { path: 'etc/os-release', bytes: OS_RELEASE },
        { path: 'c', bytes: 'one' },
      ]),
      'key',
    )

    const [a, b, told, c] = files.map(({ fingerprint }) => fingerprint)
    expect(a).toBe(c ?? 0)
    expect(new Set([a, b, told]).size).toBe(3)
    expect(files[2]?.found?.distribution?.id).toBe('debian')
    const { files: ofOther } = await read(madeTar([{ path: 'a', bytes: 'one' }]), 'another key')
    expect(ofOther[0]?.fingerprint).not.toBe(a)
  })

  test('passes over paths that lead out of the image', async () => {
    const { files, problems } = await read(
      madeTar([
        { path: '../../etc/passwd', bytes: 'x' },
        { path: 'a/../../b', bytes: 'x' },
        { path: 'c', bytes: 'x' },
      ]),
    )

    expect(files.map(({ path }) => path)).toEqual(['c'])
    expect(problems).toEqual([])
  })
})

describe('a layer that is damaged or hostile ends its own reading with a sentence, and tells what came before', () => {
  const whole = madeTar([
    { path: 'first', bytes: 'x' },
    { path: 'second', bytes: 'x'.repeat(5_000) },
  ])

  test('no archive at all', async () => {
    expect(await read(Buffer.from('x'.repeat(2_000)))).toEqual({
      files: [],
      whiteouts: [],
      problems: ['the layer is no tar archive, or was cut'],
    })
  })

  test('cut in a file', async () => {
    const { files, problems } = await read(whole.subarray(0, 3_000))

    expect(files.map(({ path }) => path)).toEqual(['first', 'second'])
    expect(problems).toEqual(['the layer ends before its end: it was cut'])
  })

  test('cut where it is compressed, and with bytes that are no gzip', async () => {
    const packed = gzipSync(whole)
    const wrong = Buffer.concat([packed.subarray(0, 20), Buffer.alloc(50, 0x55)])

    expect((await read(packed.subarray(0, packed.length - 20))).problems[0]).toStartWith('the layer cannot be unpacked: ')
    expect((await read(wrong)).problems[0]).toBeString()
  })

  test('zeros without an end', async () => {
    const entry = { path: 'zeros', kind: 'file', target: '', mode: 0o644, userId: 0, groupId: 0, modifiedSeconds: 0 } as const
    const bomb = Buffer.concat([tarHeader({ ...entry, sizeBytes: 1e12 }), Buffer.alloc(257 * 1024 * 1024)])

    const { problems } = await read(zstdCompressSync(bomb))

    expect(problems).toEqual(['the layer unpacks to more than 100 times its size; unpack it by hand if that is right'])
  }, 30_000)

  test('a damaged file of a kind that is read tells nothing, and the next one is read', async () => {
    const { files, problems } = await read(
      madeTar([
        { path: 'srv/node_modules/a/package.json', bytes: '{"name": ' },
        { path: 'var/lib/rpm/rpmdb.sqlite', bytes: 'SQLite format 3\0 and no more' },
        { path: 'srv/node_modules/b/package.json', bytes: '{"name":"b","version":"1.2.3"}' },
      ]),
    )

    expect(problems).toEqual([
      expect.stringMatching(/^the layer has \/srv\/node_modules\/a\/package\.json, which is damaged: /),
      expect.stringMatching(/^the layer has \/var\/lib\/rpm\/rpmdb\.sqlite, which is damaged: /),
    ])
    expect(files.map(({ found }) => found?.packages?.map(({ name }) => name))).toEqual([undefined, undefined, ['b']])
  })

  test('more entries than any image has', async () => {
    const budget = new ReadingBudget()
    const take = () => {
      for (let entry = 0; entry <= 300_000; entry += 1) budget.takeEntry('a', '')
    }

    expect(take).toThrow('the image has more than 300,000 files, or names of more than 32 MB')
  })
})

test('what the source of the bytes throws is no sentence about the layer', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield gzipSync(madeTar([{ path: 'a' }])).subarray(0, 10)
    throw new Error('the connection was lost')
  }
  const reading = readLayer(broken(), {
    label: 'the layer',
    interests: [],
    budget: new ReadingBudget(),
    fingerprintKey: undefined,
  })

  await expect(reading).rejects.toThrow('the connection was lost')
})

describe('a reading that its own work ends', () => {
  const entries = madeTar([{ path: 'a' }, { path: 'b', bytes: 'x' }])
  const nothing = { label: 'the layer', interests: [], budget: new ReadingBudget(), fingerprintKey: undefined }
  const failing = (error: Error) => ({
    'at once': () => {
      throw error
    },
    later: async () => {
      await Promise.resolve()
      throw error
    },
  })

  test.each(['at once', 'later'] as const)(
    '%s is told as a sentence where that is about the layer, and passed on otherwise',
    async (when) => {
      const [about, other] = [failing(new ImageError('it has too much')), failing(new Error('the disk is full'))]
      const list = (addFile: () => void | Promise<void>, onUnpacked = () => undefined as void | Promise<void>) =>
        listLayer(inPieces(entries), { ...nothing, onUnpacked }, { addFile, addWhiteout: () => undefined })

      expect(await list(about[when])).toEqual(['it has too much'])
      expect(await list(() => undefined, about[when])).toEqual(['it has too much'])
      await expect(list(other[when])).rejects.toThrow('the disk is full')
      await expect(list(() => undefined, other[when])).rejects.toThrow('the disk is full')
    },
  )

  test('tells the source that no more is wanted', async () => {
    let hasEnded = false
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield entries.subarray(0, 512)
      } finally {
        hasEnded = true
      }
    }
    const budget = {
      takeEntry: () => {
        throw new ImageError('it has too much')
      },
    }

    const { problems } = await readLayer(endless(), { ...nothing, budget: budget as unknown as ReadingBudget })

    expect(problems).toEqual(['it has too much'])
    expect(hasEnded).toBe(true)
  })
})
