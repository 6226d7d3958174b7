import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { ndbDatabase } from '../../../../test/support/ndb-database.ts'
import { INTERESTS } from '../interests.ts'
import type { Interest } from '../told/found.ts'
import { packageUrl } from './package-url.ts'
import { rpm } from './rpm.ts'

async function packagesIn(path: string, content: string) {
  const interest: Interest | undefined = INTERESTS.find(({ matches }) => matches(path))
  const found = await interest?.read(Buffer.from(content), path)
  return found?.packages?.map(({ type, name, version, architecture, source }) =>
    [type, name, version, architecture, source].filter((part) => part !== undefined).join(' '),
  )
}

/** Of a package of rpm: tags of its name, its version and its release, and their texts. */
const HEADER = rpmHeader({ 1000: 'a', 1001: '1', 1002: '2' })

/** Of its blob. */
const LENGTH = ndbDatabase([HEADER]).length - 4096

function rpmHeader(tags: Readonly<Record<number, string>>): Buffer {
  const texts = Buffer.from(`${Object.values(tags).join('\0')}\0`)
  const index = Object.keys(tags).map((tag, at) => {
    const entry = Buffer.alloc(16)
    for (const [place, value] of [Number(tag), 6, 2 * at, 1].entries()) entry.writeUInt32BE(value, 4 * place)
    return entry
  })
  const head = Buffer.alloc(8)
  head.writeUInt32BE(index.length, 0)
  head.writeUInt32BE(texts.length, 4)
  return Buffer.concat([head, ...index, texts])
}

/** The second slot leads to the blob of the first one. */
function numbered(database: Buffer): Buffer {
  database.copyWithin(3 * 16 + 8, 2 * 16 + 8, 2 * 16 + 12)
  return database
}

/** The second slot leads out of the file. */
function outward(database: Buffer): Buffer {
  database.writeUInt32LE(0xffff_ffff, 3 * 16 + 8)
  return database
}

describe('packages', () => {
  test('of dpkg are those that are installed', async () => {
    const status = [
      'Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2+b7\nDescription: shell\n Package: not\n this one\n',
      'Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n',
      'Package: libc6\nStatus: install ok installed\nSource: glibc (2.36-9)\nArchitecture: amd64\nVersion: 2.36-9+deb12u9\n',
    ].join('\n')

    expect(await packagesIn('var/lib/dpkg/status', status)).toEqual([
      'deb bash 5.2.15-2+b7 amd64',
      'deb libc6 2.36-9+deb12u9 amd64 glibc',
    ])
  })

  test('of a distroless image lie in a file each', async () => {
    expect(await packagesIn('var/lib/dpkg/status.d/base', 'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n')).toEqual([
      'deb base-files 12.4 amd64',
    ])
    expect(await packagesIn('var/lib/dpkg/status.d/base.md5sums', 'abc  usr/share/x\n')).toBeUndefined()
  })

  test('of apk have their origin', async () => {
    const installed =
      'C:Q1abc=\nP:ssl_client\nV:1.36.1-r29\nA:x86_64\no:busybox\nF:usr\nR:x\n\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n\n'

    expect(await packagesIn('lib/apk/db/installed', installed)).toEqual([
      'apk ssl_client 1.36.1-r29 x86_64 busybox',
      'apk musl 1.2.4-r2 x86_64',
    ])
  })

  test.each([
    ['srv/node_modules/left-pad/package.json', '{"name":"left-pad","version":"1.3.0"}', ['npm left-pad 1.3.0']],
    ['srv/node_modules/@types/node/package.json', '{"name":"@types/node","version":"20.0.0"}', ['npm @types/node 20.0.0']],
    ['srv/node_modules/a/lib/package.json', '{"name":"inner","version":"1"}', undefined],
    ['srv/package.json', '{"name":"own","version":"1"}', undefined],
    [
      'usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA',
      'Name: six\nVersion: 1.16.0\n\nName: body\n',
      ['pypi six 1.16.0'],
    ],
    ['usr/lib/python3/dist-packages/a.egg-info/PKG-INFO', 'Metadata-Version: 1.1\r\nName: a\r\nVersion: 2\r\n\r\n', ['pypi a 2']],
    ['usr/lib/ruby/gems/3.1.0/specifications/net-http-0.4.1.gemspec', '', ['gem net-http 0.4.1']],
    ['app/lib/log4j-core-2.17.1.jar', '', ['maven log4j-core 2.17.1']],
    ['app/app.jar', '', ['maven app ']],
  ])('at %s are read', async (path, content, expected) => {
    expect(await packagesIn(path, content)).toEqual(expected as string[])
  })

  test('of a list are told by the first line of each name, up to a line that is blank', async () => {
    const long = `Version: ${'1'.repeat(300)}${' '.repeat(5_000)}2`
    const status = `Package: a\nVersion: 1\nVersion: 2\nOriginal-Package: c\n \t\r\nPackage: b\n${long}\n`

    const found = await packagesIn('var/lib/dpkg/status', status)

    expect(found).toEqual(['deb a 1', `deb b ${'1'.repeat(300)}`])
  })

  test('are read out of a long list while other work has its turn', async () => {
    let turns = 0
    const counting = setInterval(() => {
      turns += 1
    }, 0)

    const found = await packagesIn('var/lib/dpkg/status', `${'\n'.repeat(200_000)}Package: a\nVersion: 1\n`)

    clearInterval(counting)
    expect(found).toEqual(['deb a 1'])
    expect(turns).toBeGreaterThan(3)
  })

  test('of rpm are read as if nothing were beside their database, which stays as it is', async () => {
    using database = new Database(':memory:')
    database.run('CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)')
    const bytes = new Uint8Array(database.serialize())
    bytes.fill(2, 18, 20)
    const before = bytes.slice()

    expect(await rpm.read(bytes, 'var/lib/rpm/rpmdb.sqlite')).toEqual({ packages: [] })
    expect(bytes).toEqual(before)
  })

  test.each([
    ['each in its blob', ndbDatabase([HEADER, HEADER]), 2],
    ['but not of a slot that leads nowhere', outward(ndbDatabase([HEADER, HEADER])), 1],
    ['but not of a slot that leads to another one', numbered(ndbDatabase([HEADER, HEADER])), 1],
    ['of a file that was cut, as far as it goes', ndbDatabase([HEADER, HEADER]).subarray(0, -40), 1],
    [
      'of a file that was cut in the head of a blob, as far as it goes',
      ndbDatabase([HEADER, HEADER]).subarray(0, 4096 + LENGTH + 10),
      1,
    ],
    ['of a file that is another one', Buffer.alloc(8_192), 0],
    ['of a file that is hardly there', Buffer.from('RpmP'), 0],
  ])('of SUSE are read, %s', async (_, database, expected) => {
    const found = await rpm.read(database, 'usr/lib/sysimage/rpm/Packages.db')

    expect(found?.packages?.map(({ name, version }) => `${name} ${version}`)).toEqual(Array(expected).fill('a 1-2'))
  })

  test('with hostile texts are one line each, and short', async () => {
    const name = `\u202eevil\u0000\u001b[31m${'x'.repeat(1_000)}`
    const [found = ''] =
      (await packagesIn('var/lib/dpkg/status', `Package: ${name}\nStatus: install ok installed\nVersion: 1\n`)) ?? []

    expect(found).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(found.length).toBeLessThan(400)
  })
})

test.each([
  [
    { type: 'deb', name: 'libc6', version: '2.36-9+deb12u9', architecture: 'amd64', source: 'glibc' },
    'pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64&distro=debian-12&upstream=glibc',
  ],
  [{ type: 'npm', name: '@types/node', version: '20.0.0' }, 'pkg:npm/%40types/node@20.0.0'],
  [{ type: 'golang', name: 'github.com/urfave/cli/v2', version: 'v2.27.7' }, 'pkg:golang/github.com/urfave/cli/v2@v2.27.7'],
  [{ type: 'pypi', name: 'Flask_SQLAlchemy', version: '3.1' }, 'pkg:pypi/flask-sqlalchemy@3.1'],
  [{ type: 'maven', name: 'app', version: '' }, 'pkg:maven/app'],
] as const)('the package URL of %p is %p', (told, expected) => {
  const each = { architecture: undefined, source: undefined, path: 'x', ...told }

  expect(packageUrl(each, { id: 'debian', version: '12', name: 'Debian' })).toBe(expected)
})
