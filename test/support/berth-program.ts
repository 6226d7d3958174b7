import { join } from 'node:path'

/** Berth as it runs from its source. */
export const BIN_BERTH = join(import.meta.dir, '../../bin/berth')

/** The variable with the folder of the one-file programs that `scripts/test.ts` made for all test files: a start takes half the processor time. */
export const PROGRAMS_VARIABLE = 'BERTH_TEST_PROGRAMS'
/** Of the programs in that folder. */
export const PROGRAM_NAMES = { berth: 'berth', withTimes: 'berth-with-times' } as const

const PROGRAMS = process.env[PROGRAMS_VARIABLE]
const FROM_SOURCE = [process.execPath, '--config=/dev/null', '--no-env-file', '--no-install', '--use-system-ca']

/** What tests start. Without `scripts/test.ts`, Berth from its source. */
export const BERTH_PROGRAM = PROGRAMS === undefined ? BIN_BERTH : join(PROGRAMS, PROGRAM_NAMES.berth)

/** The words that start it without the steps of bin/berth before it, for tests that start hundreds. */
export const FAST_BERTH: readonly string[] =
  PROGRAMS === undefined ? [...FROM_SOURCE, join(import.meta.dir, '../../src/main.ts')] : [BERTH_PROGRAM]

const WITH_TIMES: readonly string[] =
  PROGRAMS === undefined
    ? [...FROM_SOURCE, join(import.meta.dir, 'berth-with-times.ts')]
    : [join(PROGRAMS, PROGRAM_NAMES.withTimes)]

/**
 * Berth whose requests to an object store expire after 3 seconds, and whose sign of life there is old after 15: what a process that was
 * killed leaves behind is settled so much sooner.
 */
export const HURRIED_BERTH: readonly string[] = [...WITH_TIMES, 'hurried']

/** `HURRIED_BERTH` that waits three times as long for another machine to end: long enough to be asked much meanwhile. */
export const LINGERING_BERTH: readonly string[] = [...WITH_TIMES, 'lingering']

/** `HURRIED_BERTH` with a collector that removes after seconds what nothing needs. */
export const IMPATIENT_BERTH: readonly string[] = [...WITH_TIMES, 'impatient']

/** `HURRIED_BERTH` as a version to come, whose tables have more than those of this one. */
export const ADDING_BERTH: readonly string[] = [...WITH_TIMES, 'adding']

/** `HURRIED_BERTH` as a version to come, whose tables this one cannot use. */
export const CHANGING_BERTH: readonly string[] = [...WITH_TIMES, 'changing']

/** `IMPATIENT_BERTH` whose test can set the clocks of its machine back (`sleepy-clocks.ts`). */
export const SLEEPY_BERTH: readonly string[] = [...WITH_TIMES, 'sleepy']
