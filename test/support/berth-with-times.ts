import { failureSentence } from '../../src/cli/failure-sentence.ts'
import { serve } from '../../src/cli/serve/serve.ts'
import type { Waits } from '../../src/composition/app.ts'
import { MIGRATIONS, type Migration, versionAfter } from '../../src/metadata/sqlite/migrations.ts'
import { IMPATIENT_POLICY } from './collecting.ts'
import { obeyClocksFile } from './sleepy-clocks.ts'

/** For times of the system around a process: tests wait for their end. In earnest they are 15 s and 90 s. */
const EXPIRES_SECONDS = 3
const PRESENCE_PACE = 1 / 6

/** A version of Berth to come, whose tables have these changes, too. */
function later(change: Omit<Migration, 'version'>): Waits {
  const migrations = MIGRATIONS as Migration[]
  migrations.push({ version: versionAfter(MIGRATIONS) + 1, ...change })
  return {}
}

/** What each kind is told beside the short times. */
const KINDS: Readonly<Record<string, () => Waits>> = {
  hurried: () => ({}),
  lingering: () => ({ presencePace: 3 * PRESENCE_PACE }),
  impatient: () => ({ collector: IMPATIENT_POLICY }),
  adding: () =>
    later({
      onlyAdds: true,
      statements: [
        'ALTER TABLE tag ADD COLUMN seen_ms INTEGER',
        'CREATE INDEX tag_seen ON tag (seen_ms) WHERE seen_ms IS NOT NULL',
        'CREATE TABLE visit (name TEXT PRIMARY KEY) WITHOUT ROWID',
      ],
    }),
  changing: () => later({ statements: ['CREATE TABLE visit (name TEXT PRIMARY KEY) WITHOUT ROWID'] }),
  sleepy: () => {
    obeyClocksFile()
    return { collector: IMPATIENT_POLICY }
  },
}

/** `<kind> serve <configuration>`: `berth serve <configuration>`, but for times that no configuration sets so short. */
const [, , kind = '', command, config] = process.argv
const waits = KINDS[kind]
if (waits === undefined || command !== 'serve')
  throw new Error(`The words are: ${Object.keys(KINDS).join(' or ')}, serve, a configuration`)
try {
  await serve(config, { waits: { expiresSeconds: EXPIRES_SECONDS, presencePace: PRESENCE_PACE, ...waits() } })
} catch (error) {
  process.stderr.write(`berth: ${failureSentence(error)}\n`)
  process.exit(1)
}
