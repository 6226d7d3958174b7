import { MIGRATIONS, type Migration } from '../../src/metadata/sqlite/migrations.ts'
import { BASE_VERSION } from '../../src/metadata/sqlite/schema.ts'
import { someOf } from './effort.ts'

/** What the two migrations run, in order. */
const FIRST = [
  'ALTER TABLE upload ADD COLUMN started_by TEXT',
  "UPDATE upload SET started_by = 'unknown'",
  'CREATE TABLE visit (name TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID',
]
const SECOND = [
  'CREATE TABLE visitor (name TEXT PRIMARY KEY) WITHOUT ROWID',
  'INSERT INTO visitor (name) SELECT id FROM upload',
  'DROP TABLE visit',
]

/** The version that a database has between the two, and after both. */
export const BETWEEN = BASE_VERSION + MIGRATIONS.length + 1
export const AFTER = BETWEEN + 1

/** Steps of the two: one before each statement, and one after the last of each migration. */
export const STEPS = FIRST.length + SECOND.length + 2
/** The step of which the first migration has not been committed, and that after it. */
export const LAST_STEP_OF_FIRST = FIRST.length

/** All migrations that there are, and two more after them, which say before which step they are. The steps are numbered from 0. */
export function steppedMigrations(onStep: (step: number) => void = () => undefined): readonly Migration[] {
  return [
    ...MIGRATIONS,
    { version: BETWEEN, statements: steps(FIRST, 0, onStep) },
    { version: AFTER, statements: steps(SECOND, FIRST.length + 1, onStep) },
  ]
}

/** The same migration, which is cut before one of its statements, numbered from 0. */
export function cutBefore({ version, statements }: Migration, step: number, cut: () => void = fail): Migration {
  const cutting = function* () {
    for (const [index, statement] of Array.from(statements).entries()) {
      if (index === step) cut()
      yield statement
    }
  }
  return { version, statements: cutting() }
}

function fail(): never {
  throw new Error('EIO')
}

function steps(statements: readonly string[], from: number, onStep: (step: number) => void): Iterable<string> {
  return {
    *[Symbol.iterator]() {
      for (const [index, statement] of statements.entries()) {
        onStep(from + index)
        yield statement
      }
      onStep(from + statements.length)
    },
  }
}

/** Version 6 moves content, and not only tables. */
const MOVES_CONTENT = 6
const MOST_OTHERS = 20

/**
 * Statements before which a migration is cut, each as its version and its number: all of the newest version and of the one that moves content.
 * Those of the others do not change: chance picks some.
 */
export function statementsToCut(migrations: readonly Migration[]): readonly (readonly [version: number, statement: number])[] {
  const all = migrations.flatMap(({ version, statements }) => Array.from(statements, (_, number) => [version, number] as const))
  const newest = migrations.at(-1)?.version
  const isAlwaysCut = (version: number) => version === newest || version === MOVES_CONTENT
  const others = all.filter(([version]) => !isAlwaysCut(version))
  return [...all.filter(([version]) => isAlwaysCut(version)), ...someOf('statements of migrations', others, MOST_OTHERS)]
}
