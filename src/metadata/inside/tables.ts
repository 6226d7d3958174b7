import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

/** What the layers of images tell (docs/inside.md). All of it can be read anew from the storage. */
export const INSIDE_TABLES: readonly Sql[] = [
  // id: drawn from the counter, as that of an image is; its rows elsewhere have it, and not the digest. problems: a list of JSON. names: a filter of its paths, for searches.
  `CREATE TABLE layer_inside (digest TEXT NOT NULL PRIMARY KEY, id INTEGER NOT NULL, entries INTEGER NOT NULL, problems TEXT NOT NULL,
     names BLOB NOT NULL)`,
  // The table of contents of a layer, each piece compressed. number: from 0 on; whiteouts, which count first, have those below.
  'CREATE TABLE layer_piece (layer_id INTEGER NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (layer_id, number))',
  // state: 0 read, 1 to be read, 2 waits for the layer or the config that missing names, -1 tells nothing. turn: the highest is read first; beyond 10^15 a caller asks for it. facts: JSON. packages: compressed JSON.
  `CREATE TABLE image_inside (digest TEXT NOT NULL PRIMARY KEY, state INTEGER NOT NULL, turn INTEGER NOT NULL, missing TEXT, id INTEGER,
     facts TEXT, packages BLOB)`,
  'CREATE INDEX image_inside_unread ON image_inside (state, turn) WHERE state > 0',
  'CREATE UNIQUE INDEX image_inside_by_id ON image_inside (id) WHERE id IS NOT NULL',
  // Packages by name, and the images that have them: what a search looks at.
  'CREATE TABLE package (id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, version TEXT NOT NULL)',
  'CREATE UNIQUE INDEX package_by_name ON package (name, type, version)',
  'CREATE TABLE image_package (package_id INTEGER NOT NULL, image_id INTEGER NOT NULL, PRIMARY KEY (package_id, image_id)) WITHOUT ROWID',
  'CREATE INDEX image_package_by_image ON image_package (image_id)',
  // Whose rows go, a few at a time: a delete does not wait for them. One that is being read is here as well, until it is whole.
  'CREATE TABLE inside_gone (id INTEGER PRIMARY KEY)',
  createTrigger({
    name: 'image_inside_wanted',
    change: 'AFTER INSERT ON manifest_content',
    body: `INSERT INTO image_inside (digest, state, turn) SELECT NEW.digest, 1, value FROM counter WHERE name = 'number' ON CONFLICT DO NOTHING;`,
  }),
  createTrigger({
    name: 'image_inside_removed',
    change: 'AFTER DELETE ON manifest_content',
    body: `INSERT INTO inside_gone (id) SELECT id FROM image_inside WHERE digest = OLD.digest AND id IS NOT NULL ON CONFLICT DO NOTHING;
     DELETE FROM image_inside WHERE digest = OLD.digest;`,
  }),
  createTrigger({
    name: 'layer_inside_removed',
    change: 'AFTER DELETE ON blob',
    body: `INSERT INTO inside_gone (id) SELECT id FROM layer_inside WHERE digest = OLD.digest ON CONFLICT DO NOTHING;
     DELETE FROM layer_inside WHERE digest = OLD.digest;`,
  }),
  'INSERT INTO image_inside (digest, state, turn) SELECT digest, 1, 0 FROM manifest_content',
]

/** Tables of contents become columns, with short fingerprints made with a secret key: Berth reads all layers once more. */
export const COLUMN_TABLES: readonly Sql[] = [
  {
    sqlite: "INSERT INTO property (name, value) VALUES ('fingerprint-key', lower(hex(randomblob(16))))",
    postgresql: "INSERT INTO property (name, value) VALUES ('fingerprint-key', replace(gen_random_uuid()::text, '-', ''))",
  },
  'INSERT INTO inside_gone (id) SELECT id FROM layer_inside WHERE true ON CONFLICT DO NOTHING',
  'INSERT INTO inside_gone (id) SELECT id FROM image_inside WHERE id IS NOT NULL ON CONFLICT DO NOTHING',
  'DELETE FROM layer_inside',
  'UPDATE image_inside SET state = 1, id = NULL, facts = NULL, packages = NULL WHERE state = 0',
]

/** Images that wait are gone through part by part: those of one turn have an order, too. */
export const WAITING_TABLES: readonly Sql[] = [
  'DROP INDEX image_inside_unread',
  'CREATE INDEX image_inside_unread ON image_inside (state, turn, digest) WHERE state > 0',
]
