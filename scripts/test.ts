import { readFileSync } from 'node:fs'
import { PROGRAMS_VARIABLE } from '../test/support/berth-program.ts'
import { someOf } from '../test/support/effort.ts'
import { PostgresServer, postgresPrograms, SHARED_POSTGRES } from '../test/support/postgres-server.ts'
import { PROGRAM_PATH } from '../test/support/processes.ts'
import { STORE_PROGRAMS, type StoreKind, StoreServer, sharedEndpointVariable } from '../test/support/store-server.ts'
import { TemporaryFolder } from '../test/support/temporary-folder.ts'
import { onMemoryDisk } from './memory-disk.ts'
import { buildTestPrograms } from './test-programs.ts'

/**
 * `bun scripts/test.ts [options and paths of bun test]`: runs test files side by side, those that took longest first, with one server of
 * each object store, one of PostgreSQL and one program of each kind for all of them, and temporary files in memory where that is possible. Without a path it
 * runs every file but those of test/nightly, which want a real disk, and whose limits of time and memory break where the machine does other
 * work as well. `--drawn`: of the protocol's files, where another storage or several
 * processes serve them, half, which chance picks anew. The exit code is that of `bun test`.
 */
const NIGHTLY = 'test/nightly'
/** What the tests call whose registry has the storage, or the processes, that the run is about. */
const ON_EACH_DRIVER = 'onEachDriver('
const DRAWN = '--drawn'
/** The files that a worker runs share its modules, as in a bare `bun test`: a fresh set for each file takes one and a half times the processor time. */
const OPTIONS = ['--parallel=4', '--no-isolate', '--timeout=180000', '--timings=test/timings.json']

const asked = process.argv.slice(2)
const chosen = asked.filter((argument) => argument !== DRAWN)
const paths = chosen.some((argument) => !argument.startsWith('-')) ? [] : ['./src', './test']
const isNightly = chosen.some((argument) => argument.includes(NIGHTLY))
const left = [...(isNightly ? [] : [`${NIGHTLY}/**`]), ...leftOfProtocol()]
const passedOver = left.map((pattern) => `--path-ignore-patterns=${pattern}`)

const kinds = (Object.keys(STORE_PROGRAMS) as StoreKind[]).filter((kind) => isNeeded(kind) && isInstalled(kind))
await using servers = new AsyncDisposableStack()
const endpoints = await Promise.all(
  kinds.map(async (kind) => [sharedEndpointVariable(kind), servers.use(await StoreServer.start(kind)).endpoint]),
)
const postgres =
  (isWhole() || process.env.BERTH_TEST_REPLICAS !== undefined) && postgresPrograms() !== undefined
    ? servers.use(await PostgresServer.start())
    : undefined
using folder = new TemporaryFolder()
const programs = process.env[PROGRAMS_VARIABLE] ?? folder.path
if (programs === folder.path) await buildTestPrograms(programs)
using disk = new TemporaryFolder()
const before = isNightly ? [] : onMemoryDisk(disk.path)
const tests = Bun.spawn([...before, process.execPath, 'test', ...OPTIONS, ...passedOver, ...chosen, ...paths], {
  env: {
    ...{ ...process.env, ...Object.fromEntries(endpoints), [PROGRAMS_VARIABLE]: programs },
    ...(postgres === undefined ? {} : { [SHARED_POSTGRES]: postgres.words }),
  },
  stdio: ['ignore', 'inherit', 'inherit'],
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => tests.kill(signal))
process.exitCode = await tests.exited

/** With another storage, or with several processes: those that start the same registry as without, and those that were not drawn. */
function leftOfProtocol(): readonly string[] {
  const { BERTH_TEST_STORAGE: storage, BERTH_TEST_PROCESSES: processes } = process.env
  if (storage === undefined && processes === undefined) return []
  const files = [...new Bun.Glob('test/protocol/*.test.ts').scanSync('.')].sort()
  const others = files.filter((file) => readFileSync(file, 'utf8').includes(ON_EACH_DRIVER))
  const tried = asked.includes(DRAWN) ? someOf('files of the protocol', others, Math.ceil(others.length / 2)) : others
  return files.filter((file) => !tried.includes(file))
}

/** A run on one store needs that one alone, and a run with several processes needs none. */
function isNeeded(kind: StoreKind): boolean {
  const { BERTH_TEST_STORAGE: storage, BERTH_TEST_PROCESSES: processes } = process.env
  return processes === undefined && (storage === undefined || storage === kind)
}

/** Neither about one store nor about several processes. */
function isWhole(): boolean {
  return process.env.BERTH_TEST_STORAGE === undefined && process.env.BERTH_TEST_PROCESSES === undefined
}

function isInstalled(kind: StoreKind): boolean {
  return Bun.which(STORE_PROGRAMS[kind], { PATH: PROGRAM_PATH }) !== null
}
