import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cp } from 'node:fs/promises'
import { GO } from '../support/go-program.ts'
import { ImageLab } from '../support/image-lab.ts'
import { ndbDatabase } from '../support/ndb-database.ts'
import { PROGRAM_PATH, runToSuccess } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 240_000

let lab: ImageLab
beforeAll(async () => {
  lab = await ImageLab.start()
}, TEST_MS)
afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

/** Packages of a type that an image has. */
async function packagesOf(name: string, type: string): Promise<readonly string[]> {
  const printed = await lab.berth('inspect', lab.name(name), '--packages')
  return printed
    .split('\n')
    .filter((line) => line.startsWith(`${type}\t`))
    .map((line) => line.split('\t').slice(1, 4).join(' '))
}

describeWith({ programs: ['rpm', 'rpmbuild', 'db5.3_load'] }, 'a database that rpm made', () => {
  const SPECS = [
    { name: 'berth-a', version: '1.0', release: '1', epoch: undefined },
    { name: 'berth-b', version: '2.3.4', release: '5.el9', epoch: '2' },
  ]
  let database: string
  let expected: readonly string[]

  beforeAll(async () => {
    const top = await lab.folder.directory('rpmbuild')
    database = await lab.folder.directory('rpmdb')
    for (const { name, version, release, epoch } of SPECS) {
      const spec = await lab.folder.file(
        `${name}.spec`,
        [
          ...[`Name: ${name}`, `Version: ${version}`, `Release: ${release}`, ...(epoch === undefined ? [] : [`Epoch: ${epoch}`])],
          ...['Summary: A test', 'License: MIT', 'BuildArch: noarch', '%description', 'A test.', '%files', '%changelog', ''],
        ].join('\n'),
      )
      await rpm('rpmbuild', '-bb', '--define', `_topdir ${top}`, spec)
      const built = `${top}/RPMS/noarch/${name}-${version}-${release}.noarch.rpm`
      await rpm('rpm', '--dbpath', database, '--install', '--justdb', '--nodeps', built)
    }
    const format = '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH}\\n'
    expected = (await rpm('rpm', '--dbpath', database, '-qa', '--queryformat', format)).trim().split('\n').sort()
  }, TEST_MS)

  async function rpm(...command: readonly string[]): Promise<string> {
    return await runToSuccess(command, { environment: lab.environment })
  }

  function sqliteRows() {
    using sqlite = new Database(`${database}/rpmdb.sqlite`, { readonly: true })
    return sqlite.query<{ hnum: number; blob: Uint8Array }, []>('SELECT hnum, blob FROM Packages').all()
  }

  test(
    'with SQLite is read as rpm reads it',
    async () => {
      expect(expected).toEqual(['berth-a 1.0-1 noarch', 'berth-b 2:2.3.4-5.el9 noarch'])

      await lab.berth('create', lab.name('rpm:sqlite'), '--add', `${database}/rpmdb.sqlite:/var/lib/rpm/rpmdb.sqlite`)

      expect(await packagesOf('rpm:sqlite', 'rpm')).toEqual(expected)
    },
    TEST_MS,
  )

  test(
    'with NDB, as SUSE has it, is read, also where a slot is free',
    async () => {
      const headers = sqliteRows().map(({ blob }) => blob)
      const whole = await lab.folder.file('whole.db', ndbDatabase(headers))
      const less = await lab.folder.file('less.db', ndbDatabase([undefined, ...headers.slice(1)]))

      await lab.berth('create', lab.name('rpm:ndb'), '--add', `${whole}:/usr/lib/sysimage/rpm/Packages.db`)
      await lab.berth('create', lab.name('rpm:ndb-less'), '--add', `${less}:/var/lib/rpm/Packages.db`)

      expect(await packagesOf('rpm:ndb', 'rpm')).toEqual(expected)
      expect(await packagesOf('rpm:ndb-less', 'rpm')).toHaveLength(expected.length - 1)
    },
    TEST_MS,
  )

  test(
    'with BerkeleyDB, as before rpm 4.16, is read, too',
    async () => {
      const pairs = sqliteRows().flatMap(({ hnum, blob }) => [
        ` ${hnum.toString(16).padStart(8, '0')}`,
        ` ${Buffer.from(blob).toString('hex')}`,
      ])
      const dump = ['VERSION=3', 'format=bytevalue', 'type=hash', 'HEADER=END', ...pairs, 'DATA=END', '']
      const written = await lab.folder.file('packages.dump', dump.join('\n'))
      await rpm('db5.3_load', '-f', written, lab.folder.join('Packages'))
      await lab.berth('create', lab.name('rpm:berkeley'), '--add', `${lab.folder.join('Packages')}:/var/lib/rpm/Packages`)

      expect(await packagesOf('rpm:berkeley', 'rpm')).toEqual(expected)
    },
    TEST_MS,
  )
})

describeWith({ programs: [GO, 'versitygw'] }, 'a program that Go made', () => {
  test(
    'is told with its version, and with each module that Go itself lists',
    async () => {
      const program = Bun.which('versitygw', { PATH: PROGRAM_PATH }) ?? 'versitygw'
      await cp(program, lab.folder.join('server'), { dereference: true })
      const told = await runToSuccess([GO, 'version', '-m', program], { environment: lab.environment })
      const modules = told.split('\n').flatMap((line) => {
        const [, word, name, version] = line.split('\t')
        return word === 'dep' || word === 'mod' ? [`${name} ${version}`] : []
      })

      await lab.berth('create', lab.name('go:v1'), '--add', `${lab.folder.join('server')}:/server`, '--entrypoint', '/server')

      expect(modules.length).toBeGreaterThan(20)
      expect((await packagesOf('go:v1', 'golang')).map((line) => line.split(' ').slice(0, 2).join(' ')).sort()).toEqual(
        modules.sort(),
      )
      expect(await lab.berth('inspect', lab.name('go:v1'))).toMatch(/^Runs {10}server: Go 1\.\d+(\.\d+)?, /m)
    },
    TEST_MS,
  )
})
