import { MIGRATIONS, type Migration } from '../../src/metadata/sqlite/migrations.ts'
import { BASE_VERSION } from '../../src/metadata/sqlite/schema.ts'

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
