import { describe, expect, test } from 'bun:test'
import { INTERESTS } from '../interests.ts'
import type { Interest } from '../told/found.ts'
import { packageUrl } from './package-url.ts'

async function packagesIn(path: string, content: string) {
  const interest: Interest | undefined = INTERESTS.find(({ matches }) => matches(path))
  const found = await interest?.read(Buffer.from(content), path)
  return found?.packages?.map(({ type, name, version, architecture, source }) =>
    [type, name, version, architecture, source].filter((part) => part !== undefined).join(' '),
  )
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
