import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { makeVersion3Database } from '../../../test/support/version-3-database.ts'
import { MIGRATIONS, migrate } from '../sqlite/migrations.ts'

/** The last one in which tables of contents are lists of rows. */
const OF_ROWS = 25

test('layers whose tables of contents are of an older form are read again', () => {
  using folder = new TemporaryFolder()
  const path = folder.join('metadata.db')
  makeVersion3Database(path, 'store')
  using database = new Database(path)
  migrate(
    database,
    3,
    MIGRATIONS.filter(({ version }) => version <= OF_ROWS),
  )
  database.run("INSERT INTO layer_inside (digest, id, entries, problems, names) VALUES ('sha256:layer', 7, 1, '[]', x'00')")
  database.run("INSERT INTO layer_piece (layer_id, number, bytes) VALUES (7, 0, x'00')")
  database.run("INSERT INTO image_inside (digest, state, turn, id, facts) VALUES ('sha256:read', 0, 1, 8, '{}')")
  database.run("INSERT INTO image_inside (digest, state, turn) VALUES ('sha256:nothing', -1, 2)")

  migrate(database, OF_ROWS, MIGRATIONS)

  const ours = "SELECT digest, state, id FROM image_inside WHERE digest IN ('sha256:read', 'sha256:nothing') ORDER BY digest"
  expect(database.query(ours).all()).toEqual([
    { digest: 'sha256:nothing', state: -1, id: null },
    { digest: 'sha256:read', state: 1, id: null },
  ])
  expect(database.query('SELECT digest FROM layer_inside').all()).toEqual([])
  expect(database.query('SELECT id FROM inside_gone ORDER BY id').all()).toEqual([{ id: 7 }, { id: 8 }])
  expect(database.query("SELECT length(value) AS length FROM property WHERE name = 'fingerprint-key'").get()).toEqual({
    length: 32,
  })
})
