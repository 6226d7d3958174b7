import { join } from 'node:path'

/** Berth as it runs from its source. */
export const BIN_BERTH = join(import.meta.dir, '../../bin/berth')

/** The variable in which `scripts/test.ts` names the one-file program that it made for all test files. */
export const BERTH_PROGRAM_VARIABLE = 'BERTH_TEST_PROGRAM'

/** What tests start: the one-file program takes half the processor time to start. Without `scripts/test.ts`, Berth from its source. */
export const BERTH_PROGRAM = process.env[BERTH_PROGRAM_VARIABLE] ?? BIN_BERTH

const FROM_SOURCE = [process.execPath, '--config=/dev/null', '--no-env-file', '--no-install', '--use-system-ca']

/** The words that start it without the steps of bin/berth before it, for tests that start hundreds. */
export const FAST_BERTH: readonly string[] =
  BERTH_PROGRAM === BIN_BERTH ? [...FROM_SOURCE, join(import.meta.dir, '../../src/main.ts')] : [BERTH_PROGRAM]

/**
 * Berth whose requests to an object store expire after 3 seconds, and whose sign of life there is old after 15: what a process that was
 * killed leaves behind is settled so much sooner.
 */
export const HURRIED_BERTH: readonly string[] = [...FROM_SOURCE, join(import.meta.dir, 'hurried-berth.ts')]

/** `HURRIED_BERTH` with a collector that removes after seconds what nothing needs (`impatient-berth.ts`). */
export const IMPATIENT_BERTH: readonly string[] = [...FROM_SOURCE, join(import.meta.dir, 'impatient-berth.ts')]

/** `IMPATIENT_BERTH` whose test can set the clocks of its machine back (`sleepy-clocks.ts`). */
export const SLEEPY_BERTH: readonly string[] = [...FROM_SOURCE, join(import.meta.dir, 'sleepy-berth.ts')]
