import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cp, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ImageLab } from '../support/image-lab.ts'
import { dpkgStatus } from '../support/inside-image.ts'
import { run, runToSuccess } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 900_000
const PROGRAMS = ['syft', 'debootstrap', 'rpm', 'rpmbuild', 'tar']

/** As apk-tools 2.14 writes it. */
const APK = [
  ['musl', '1.2.5-r0', 'musl'],
  ['busybox', '1.36.1-r29', 'busybox'],
  ['ssl_client', '1.36.1-r29', 'busybox'],
  ['libcrypto3', '3.3.2-r1', 'openssl'],
  ['alpine-baselayout', '3.6.5-r0', 'alpine-baselayout'],
]
  .map(
    ([name, version, origin]) =>
      `C:Q1Fg2oVCkKHS8Y8u2bJ6XSbLqkbCo=\nP:${name}\nV:${version}\nA:x86_64\nS:1000\nI:2000\nT:${name}\nU:https://alpinelinux.org\nL:MIT\no:${origin}\nm:Natanael\nt:1700000000\nc:0000\nF:usr\nF:usr/lib\nR:${name}\n`,
  )
  .join('\n')

const SPEC = `Name: NAME
Version: 1.2.3
Release: 4.el9
Epoch: 1
Summary: a package
License: MIT
BuildArch: noarch
%description
a package
%files
`

let lab: ImageLab

describeWith({ programs: PROGRAMS, root: true }, 'beside syft', () => {
  beforeAll(async () => {
    lab = await ImageLab.start()
  }, TEST_MS)
  afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

  test.each([
    ['debian', 'deb', 50, makeDebian],
    ['distroless', 'deb', 3, makeDistroless],
    ['alpine', 'apk', 5, makeAlpine],
    ['rpm', 'rpm', 3, makeRpm],
    ['node', 'npm', 3, makeNode],
    ['python', 'pypi', 3, makePython],
  ] as const)(
    'the packages of an image of %s are those that syft finds',
    async (image, type, least, make) => {
      const root = lab.folder.join(image)
      await runToSuccess(['mkdir', '-p', root], { environment: lab.environment })
      await make(root)
      await lab.berth('create', lab.name(`${image}:v1`), '--add', `${root}:/`)

      const theirs = await bySyft(image, type)
      const ours = await byBerth(image, type)

      expect(theirs.length).toBeGreaterThanOrEqual(least)
      expect(ours).toEqual(theirs)
    },
    TEST_MS,
  )
})

async function byBerth(image: string, type: string): Promise<readonly string[]> {
  const printed = await lab.berth('inspect', lab.name(`${image}:v1`), '--packages')
  return shown(
    printed.split('\n').map((line) => line.split('\t')),
    type,
  )
}

async function bySyft(image: string, type: string): Promise<readonly string[]> {
  const environment = { ...lab.environment, SYFT_REGISTRY_INSECURE_USE_HTTP: 'true', SYFT_CHECK_FOR_APP_UPDATE: 'false' }
  const printed = await runToSuccess(
    ['syft', 'scan', `registry:${lab.name(`${image}:v1`)}`, '--quiet', '--output', 'syft-json'],
    {
      ...{ environment, timeoutMs: TEST_MS },
    },
  )
  const { artifacts } = JSON.parse(printed) as { artifacts: readonly Readonly<Record<'type' | 'name' | 'version', string>>[] }
  return shown(
    artifacts.map(({ type: of, name, version }) => [of === 'python' ? 'pypi' : of, name, version]),
    type,
  )
}

/** syft writes names of Python as indexes have them (PEP 503). */
function shown(rows: readonly (readonly (string | undefined)[])[], type: string): readonly string[] {
  const found = rows
    .filter(([of]) => of === type)
    .map(([, name, version]) => `${type === 'pypi' ? name?.toLowerCase().replace(/[-_.]+/g, '-') : name} ${version}`)
  return [...new Set(found)].toSorted()
}

async function makeDebian(root: string): Promise<void> {
  await runToSuccess(['debootstrap', '--variant=minbase', 'bookworm', root], { environment: lab.environment, timeoutMs: TEST_MS })
  // Devices and caches are no part of it.
  await run(['rm', '-rf', join(root, 'dev'), join(root, 'proc'), join(root, 'var/cache')], { environment: lab.environment })
}

async function makeDistroless(root: string): Promise<void> {
  for (const [name, version] of [
    ['base-files', '12.4+deb12u7'],
    ['tzdata', '2024a-0+deb12u1'],
    ['libc6', '2.36-9+deb12u8'],
  ]) {
    const text = dpkgStatus(`${name} ${version}`).replace(/^Status:.*\n/m, '')
    await lab.folder.file(`distroless/var/lib/dpkg/status.d/${name}`, text)
  }
  await lab.folder.file('distroless/etc/os-release', 'PRETTY_NAME="Distroless"\nID=debian\nVERSION_ID="12"\n')
  await writeFile(join(root, 'app'), 'x')
}

async function makeAlpine(): Promise<void> {
  await lab.folder.file('alpine/lib/apk/db/installed', APK)
  await lab.folder.file(
    'alpine/etc/os-release',
    'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n',
  )
}

async function makeRpm(root: string): Promise<void> {
  const { environment } = lab
  const top = lab.folder.join('rpmbuild')
  for (const name of ['openssl-libs', 'bash', 'glibc-minimal-langpack']) {
    const spec = await lab.folder.file(`${name}.spec`, SPEC.replace('NAME', name))
    await runToSuccess(['rpmbuild', '-bb', '--define', `_topdir ${top}`, spec], { environment })
  }
  const packages = await readdir(join(top, 'RPMS/noarch'))
  const paths = packages.map((name) => join(top, 'RPMS/noarch', name))
  const database = ['--dbpath', join(root, 'var/lib/rpm')]
  await runToSuccess(['rpm', ...database, '--install', '--justdb', '--nodeps', '--force-debian', ...paths], { environment })
  await lab.folder.file('rpm/etc/os-release', 'ID=rocky\nVERSION_ID="9.4"\nPRETTY_NAME="Rocky Linux 9.4"\n')
}

/** Packages that this repository has. */
async function makeNode(root: string): Promise<void> {
  for (const name of ['commander', 'zod', 'yaml'])
    await cp(join(import.meta.dir, '../../node_modules', name), join(root, 'srv/node_modules', name), {
      recursive: true,
      dereference: true,
    })
}

async function makePython(root: string): Promise<void> {
  await runToSuccess(
    ['python3', '-m', 'pip', 'install', '--quiet', '--target', join(root, 'usr/lib/python3/dist-packages'), 'six', 'requests'],
    { environment: lab.environment, timeoutMs: TEST_MS },
  )
}
