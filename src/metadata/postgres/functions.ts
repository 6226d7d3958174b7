import { REQUIRE_LIVING } from './process-locks.ts'
import { TURN_FUNCTIONS } from './transaction.ts'

/** Functions of SQLite that our statements use and PostgreSQL has not, and some of our own. They are in the schema of the tables. */
export const FUNCTIONS: readonly string[] = [
  // Of a list of JSON: texts as they are, and all else as JSON.
  `CREATE OR REPLACE FUNCTION json_each(list text) RETURNS TABLE (key bigint, value text) LANGUAGE sql IMMUTABLE ROWS 20
   AS $$ SELECT place - 1, item FROM json_array_elements_text(list::json) WITH ORDINALITY AS element (item, place) $$`,
  `CREATE OR REPLACE FUNCTION instr(words text, word text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT strpos(words, word) $$`,
  // Null where one of them is null, which greatest() and least() leave out.
  `CREATE OR REPLACE FUNCTION max(one bigint, other bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
   AS $$ SELECT CASE WHEN one >= other THEN one WHEN one < other THEN other END $$`,
  `CREATE OR REPLACE FUNCTION min(one bigint, other bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
   AS $$ SELECT CASE WHEN one <= other THEN one WHEN one > other THEN other END $$`,

  // The search by sequences of three letters, in place of SQLite's FTS5.
  `CREATE OR REPLACE FUNCTION trigrams_of(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE
   AS $$ SELECT array_to_tsvector(array_agg(DISTINCT substr(words, place, 3))) FROM generate_series(1, length(words) - 2) AS place $$`,
  // A shorter one is the beginning of sequences.
  `CREATE OR REPLACE FUNCTION lexeme(term text) RETURNS text LANGUAGE sql IMMUTABLE
   AS $$ SELECT '''' || replace(replace(term, '\\', '\\\\'), '''', '''''') || CASE WHEN length(term) < 3 THEN ''':*' ELSE '''' END $$`,
  `CREATE OR REPLACE FUNCTION beginning(term text) RETURNS tsquery LANGUAGE sql IMMUTABLE AS $$ SELECT lexeme(term)::tsquery $$`,
  // From the query language of FTS5, as `registry/search/search-terms.ts` writes it: ("abc" OR "abd") AND ("xyz").
  `CREATE OR REPLACE FUNCTION matching(terms text) RETURNS tsquery LANGUAGE sql IMMUTABLE
   AS $$ SELECT string_agg('(' || (SELECT string_agg(lexeme(replace(found[1], '""', '"')), ' | ')
       FROM regexp_matches(clause, '"((?:[^"]|"")+)"', 'g') AS found) || ')', ' & ')::tsquery
     FROM string_to_table(terms, ') AND (') AS clause $$`,

  REQUIRE_LIVING,
  ...TURN_FUNCTIONS,
]

/** What SQLite has in files, or needs not. */
export const OWN_TABLES: readonly string[] = [
  // Which transaction of a connection was the last one: after an answer that was lost it tells whether the commit was done. The sum of all numbers
  // grows with each commit.
  'CREATE TABLE written (writer uuid PRIMARY KEY, number bigint NOT NULL, at timestamptz NOT NULL DEFAULT now())',
  // Processes that may be alive, and the version of the tables that each knows.
  'CREATE TABLE process (id text COLLATE "C" PRIMARY KEY, version bigint NOT NULL)',
]
