import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { type Image, makeImageIndex } from '../support/images.ts'
import { debianLayer, dpkgStatus, imageOf, programEntry } from '../support/inside-image.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const APP = '/api/v1/repositories/team/app'
const BASE = debianLayer('openssl 3.0.11-1', 'bash 5.2')
const PROGRAM = programEntry('srv/app')
const ONE = imageOf(
  [
    BASE,
    [
      PROGRAM,
      { path: 'srv/link', kind: 'symbolic link', type: '1', target: 'srv/app' },
      { path: 'etc/motd', bytes: 'first' },
      { path: 'etc/motd', bytes: 'hello' },
      { path: 'etc/näme "1"', bytes: 'x' },
    ],
  ],
  { Entrypoint: ['/srv/app'] },
)
const OTHER = imageOf([
  BASE,
  [
    { path: 'var/lib/dpkg/status', bytes: dpkgStatus('openssl 3.0.13-1', 'curl 8.5') },
    { path: 'etc/motd', bytes: 'longer than before' },
  ],
])

let folder: TemporaryFolder
let berth: BerthInProcess

beforeAll(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'), { readsLayers: true })
  await push(ONE, 'v1', 'team/app')
  await push(OTHER, 'v2', 'team/app')
  await push(ONE, 'v1', 'other/app')
  await berth.registry.insideDuty.run(new AbortController().signal)
})
afterAll(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function push(image: Image, tag: string, repository: string): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await berth.client.pushBlob(repository, blob)
  await expectStatus(await berth.client.putManifest(repository, tag, image.manifest), 201)
}

async function ask(path: string, status = 200): Promise<unknown> {
  return await (await expectStatus(await berth.client.request('GET', path), status)).json()
}

describe('what is in an image', () => {
  test('is its distribution, its program, its packages by kind, and its layers', async () => {
    expect(await ask(`${APP}/inside?tag=v1`)).toMatchObject({
      ...{ digest: ONE.manifest.digest, state: 'read', packages: { deb: 2 }, problems: [] },
      distribution: { id: 'debian', version: '12' },
      program: { path: '/srv/app', kind: 'ELF', static: false, libraries: expect.arrayContaining(['libc.so.6']) },
      layers: [
        { digest: ONE.layers[0]?.digest, entries: 3, problems: [] },
        { digest: ONE.layers[1]?.digest, entries: 5, problems: [] },
      ],
    })
  })

  test('are its packages, page by page and by a part of their name', async () => {
    expect(await ask(`${APP}/packages?tag=v1&n=1`)).toMatchObject({
      packages: [{ type: 'deb', name: 'bash', version: '5.2', path: '/var/lib/dpkg/status' }],
      ...{ total: 2, more: true },
    })
    expect(await ask(`${APP}/packages?tag=v1&q=ssl&type=deb`)).toMatchObject({
      packages: [{ name: 'openssl', purl: 'pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12' }],
      ...{ total: 1, more: false },
    })
    expect(await ask(`${APP}/packages?tag=v1&type=npm`)).toMatchObject({ packages: [], total: 0 })
  })

  test('are its files, as its container sees them', async () => {
    expect(await ask(`${APP}/files?tag=v1&path=/etc`)).toMatchObject({
      files: [
        { path: '/etc/motd', kind: 'file', bytes: 5, mode: '0644', layer: 2 },
        { path: '/etc/näme "1"' },
        { path: '/etc/os-release', kind: 'symbolic link', target: '../usr/lib/os-release', layer: 1 },
      ],
      ...{ total: 3, more: false },
    })
    expect(await ask(`${APP}/files?tag=v1&n=2&page=2`)).toMatchObject({
      files: [{ path: '/usr' }, { path: '/var' }],
      more: false,
    })
    await ask(`${APP}/files?tag=v1&path=/none`, 404)
  })

  test('is each file, as it is in its layer', async () => {
    const bytesAt = async (path: string) => {
      const query = new URLSearchParams({ tag: 'v1', path })
      const answer = await expectStatus(await berth.client.request('GET', `${APP}/file?${query}`), 200)
      return { answer, bytes: Buffer.from(await answer.bytes()) }
    }

    const { answer, bytes } = await bytesAt('/etc/näme "1"')
    expect(bytes.toString()).toBe('x')
    expect(answer.headers.get('content-disposition')).toBe(
      `attachment; filename="n_me__1_"; filename*=UTF-8''n%C3%A4me%20%221%22`,
    )
    expect([answer.headers.get('content-type'), answer.headers.get('content-length')]).toEqual(['application/octet-stream', '1'])
    // Of two entries of one name the second counts, a link has what it leads to, and a hard link has the other file's bytes.
    expect((await bytesAt('/etc/motd')).bytes.toString()).toBe('hello')
    expect((await bytesAt('/etc/os-release')).bytes.toString()).toContain('ID=debian')
    const program = Buffer.from(PROGRAM.bytes ?? '')
    for (const path of ['/srv/app', '/srv/link']) expect((await bytesAt(path)).bytes.equals(program)).toBe(true)
    for (const path of ['/etc', '/none']) await ask(`${APP}/file?tag=v1&path=${path}`, 404)
    const head = await expectStatus(await berth.client.request('HEAD', `${APP}/file?tag=v1&path=/srv/app`), 200)
    expect(head.headers.get('content-length')).toBe(String(program.length))
  })

  test('is compared with another image: packages, and files by how much they grew', async () => {
    expect(await ask(`${APP}/diff?from=v1&to=v2`)).toMatchObject({
      ...{ from: ONE.manifest.digest, to: OTHER.manifest.digest, sharedLayers: 1 },
      packages: [
        { name: 'deb bash', from: '5.2', to: null },
        { name: 'deb curl', from: null, to: '8.5' },
        { name: 'deb openssl', from: '3.0.11-1', to: '3.0.13-1' },
      ],
      files: expect.arrayContaining([
        { path: '/srv/app', from: expect.objectContaining({ mode: '0755' }), to: null },
        { path: '/etc/motd', from: expect.objectContaining({ bytes: 5 }), to: expect.objectContaining({ bytes: 18 }) },
      ]),
      more: false,
    })
    expect(await ask(`${APP}/diff?from=v1&to=v1`)).toMatchObject({ packages: [], files: [], total: 0 })
  })

  test('is a list for other programs, in both formats', async () => {
    expect(await ask(`${APP}/sbom?tag=v1`)).toMatchObject({
      bomFormat: 'CycloneDX',
      metadata: { component: { name: 'team/app', version: ONE.manifest.digest } },
      components: [{ type: 'operating-system' }, { name: 'bash' }, { name: 'openssl' }],
    })
    expect(await ask(`${APP}/sbom?tag=v1&format=spdx`)).toMatchObject({
      spdxVersion: 'SPDX-2.3',
      packages: [{ name: 'team/app' }, { name: 'bash' }, { name: 'openssl' }],
    })
  })
})

describe('a search for packages', () => {
  const found = async (query: string) => {
    const { packages, ...rest } = (await ask(`/api/v1/packages?${query}`)) as {
      packages: readonly Readonly<Record<'name' | 'version' | 'repository' | 'digest', string> & { tags: readonly string[] }>[]
    }
    return { images: packages.map((each) => `${each.name} ${each.version} ${each.repository}:${each.tags}`).toSorted(), ...rest }
  }

  test('finds an image of an image index by the tags of the index', async () => {
    const { manifest } = makeImageIndex([OTHER])
    await expectStatus(await berth.client.putManifest('team/app', 'multi', manifest), 201)

    expect((await found('name=curl')).images).toEqual(['curl 8.5 team/app:multi,v2'])
  })

  test('finds each image that has one, by the whole name or its beginning, and by the beginning of the version', async () => {
    expect(await found('name=openssl')).toEqual({
      images: ['openssl 3.0.11-1 other/app:v1', 'openssl 3.0.11-1 team/app:v1', 'openssl 3.0.13-1 team/app:multi,v2'],
      ...{ total: 3, more: false },
    })
    expect((await found('name=openssl&version=3.0.13')).images).toEqual(['openssl 3.0.13-1 team/app:multi,v2'])
    expect((await found('name=open*&type=deb&n=1&page=3')).images).toEqual(['openssl 3.0.13-1 team/app:multi,v2'])
    expect((await found('name=open')).images).toEqual([])
    expect((await found('name=openssl&type=apk')).images).toEqual([])
  })
})

describe('a search for files', () => {
  const found = async (query: string) => {
    const { files, next } = (await ask(`/api/v1/files?${query}`)) as {
      files: readonly Readonly<Record<'path' | 'repository', string> & { bytes: number; tags: readonly string[] }>[]
      next: string | null
    }
    expect(next).toBe(null)
    return files.map((each) => `${each.path} ${each.bytes} ${each.repository}:${each.tags}`).toSorted()
  }

  test('finds each image whose container sees one, by its path or by its name', async () => {
    expect(await found('path=/etc/motd')).toEqual([
      ...['/etc/motd 18 team/app:multi,v2', '/etc/motd 5 other/app:v1', '/etc/motd 5 team/app:v1'],
    ])
    expect(await found('name=motd')).toEqual(await found('path=/etc/motd'))
    expect(await found('path=/etc/none')).toEqual([])
    expect((await found('name=status')).length).toBe(3)
  })

  test('follows folders that are links, in whatever layers link and file lie', async () => {
    const linked = imageOf([
      [
        { path: 'bin', kind: 'symbolic link', target: 'usr/bin' },
        { path: 'lib', kind: 'symbolic link', target: '/usr/../usr/lib' },
      ],
      [
        { path: 'usr/bin/linked-one', bytes: '1' },
        { path: 'usr/bin/sub', kind: 'symbolic link', target: '../lib' },
      ],
      [{ path: 'usr/lib/linked-two', bytes: '22' }],
    ])
    const covered = imageOf([
      [
        { path: 'bin', kind: 'symbolic link', target: 'usr/bin' },
        { path: 'usr/bin/linked-one', bytes: '1' },
      ],
      [{ path: '.wh.bin' }],
    ])
    await push(linked, 'latest', 'linked')
    await push(covered, 'latest', 'unlinked')
    await berth.registry.insideDuty.run(new AbortController().signal)

    expect(await found('path=/bin/linked-one')).toEqual(['/usr/bin/linked-one 1 linked:latest'])
    expect(await found('path=/lib/linked-two')).toEqual(['/usr/lib/linked-two 2 linked:latest'])
    expect(await found('path=/bin/sub/linked-two')).toEqual(['/usr/lib/linked-two 2 linked:latest'])
    expect(await found('path=/bin/linked-none')).toEqual([])
  })

  test('passes over what a layer above has taken away or replaced', async () => {
    const covered = imageOf([
      [
        { path: 'a/b/one', bytes: '1' },
        { path: 'a/b/two', bytes: '2' },
        { path: 'c/three', bytes: '3' },
        { path: 'd/four', bytes: '4' },
      ],
      [{ path: 'a/b/.wh.one' }, { path: 'c/.wh..wh..opq' }, { path: 'd', bytes: 'a file' }],
    ])
    await push(covered, 'latest', 'covered')
    await berth.registry.insideDuty.run(new AbortController().signal)

    for (const path of ['/a/b/one', '/c/three', '/d/four']) expect(await found(`path=${path}`)).toEqual([])
    expect(await found('path=/a/b/two')).toEqual(['/a/b/two 1 covered:latest'])
    await ask('/api/v1/files?path=etc', 400)
    await ask('/api/v1/files?path=/etc&name=a', 400)
  })
})

test('a registry that reads no layers says so', async () => {
  await using other = await BerthInProcess.start(folder.join('other'))
  for (const path of [`${APP}/inside?tag=v1`, '/api/v1/packages?name=a'])
    await expectStatus(await other.client.request('GET', path), 405)
})

describe('the page', () => {
  const page = async (path: string) => {
    const answer = await berth.client.request('GET', `/ui/team/app${path}`, { headers: { accept: 'text/html' } })
    return await (await expectStatus(answer, 200)).text()
  }

  test('shows the packages of an image, its files, and what is different in another', async () => {
    expect(await page(':v1')).toContain('/ui/team/app/-/inside?of=v1')
    const inside = await page('/-/inside?of=v1&q=ssl')
    for (const text of ['Debian GNU/Linux 12 (bookworm)', 'openssl', '3.0.11-1', '/srv/app']) expect(inside).toContain(text)
    expect(inside).not.toContain('<bdi>bash</bdi>')
    const files = await page('/-/files?of=v1&path=/etc')
    expect(files).toContain('/api/v1/repositories/team/app/file?tag=v1&amp;path=%2Fetc%2Fmotd')
    expect(files).toContain('../usr/lib/os-release')
    const comparison = await page('/-/compare?from=v1&to=v2')
    for (const text of ['deb openssl', '3.0.13-1', '/etc/motd']) expect(comparison).toContain(text)
  })
})
