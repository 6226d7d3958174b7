import type { Sql } from '../query.ts'

/** Numbers of changes, where transactions run side by side: a counter would be one row that all of them wait for. */
export const NUMBER_TABLES: readonly Sql[] = [
  // It goes on from the counter. Without CACHE: a number that is drawn later is larger, in whatever session.
  ofPostgres('CREATE SEQUENCE change_number MINVALUE 0'),
  ofPostgres("SELECT setval('change_number', value) FROM counter WHERE name = 'number'"),
  // The sum of `written` tells of commits.
  ofPostgres("DELETE FROM counter WHERE name IN ('number', 'commits')"),
  // The trigger `image_inside_wanted` read the counter for the order in which images are read: the last pushed one first.
  ofPostgres(`CREATE OR REPLACE FUNCTION image_inside_wanted() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
     INSERT INTO image_inside (digest, state, turn) SELECT NEW.digest, 1, last_value FROM change_number ON CONFLICT DO NOTHING;
     RETURN NULL; END $body$`),
]

/** SQLite has one transaction at a time. */
function ofPostgres(postgresql: string): Sql {
  return { sqlite: '', postgresql }
}
