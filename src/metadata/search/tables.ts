import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

/** A number that no other change has, and that JavaScript has exactly. */
const MARK = 'random() >> 12'

const REPOSITORY_GONE = {
  name: 'search_repository_gone',
  change: 'AFTER DELETE ON repository',
  body: `DELETE FROM search_entry WHERE repository_id = OLD.id;
     DELETE FROM search_pending WHERE repository_id = OLD.id;`,
} as const

/** What a search looks at (docs/search.md). All of it comes of other rows. */
export const SEARCH_TABLES: readonly Sql[] = [
  // One row for each repository. words: its name, and what its newest image says, in small letters. source: that image's manifest.
  `CREATE TABLE search_entry (repository_id INTEGER PRIMARY KEY, name TEXT NOT NULL, words TEXT NOT NULL, description TEXT,
     source TEXT)`,
  // Its index has all sequences of three letters, so that parts of words are found. Without places in the text it is a third of the size.
  // PostgreSQL has the sequences as the words of a `tsvector`, in the row itself.
  {
    sqlite: `CREATE VIRTUAL TABLE search_words USING fts5 (words, content = 'search_entry', content_rowid = 'repository_id',
     tokenize = 'trigram', detail = 'none', columnsize = 0)`,
    postgresql: 'ALTER TABLE search_entry ADD COLUMN trigrams tsvector GENERATED ALWAYS AS (trigrams_of(words)) STORED',
  },
  {
    sqlite: `CREATE TRIGGER search_words_added AFTER INSERT ON search_entry
   BEGIN INSERT INTO search_words (rowid, words) VALUES (NEW.repository_id, NEW.words); END`,
    postgresql: 'CREATE INDEX search_entry_by_trigram ON search_entry USING gin (trigrams)',
  },
  {
    sqlite: `CREATE TRIGGER search_words_changed AFTER UPDATE OF words ON search_entry WHEN OLD.words <> NEW.words BEGIN
     INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', OLD.repository_id, OLD.words);
     INSERT INTO search_words (rowid, words) VALUES (NEW.repository_id, NEW.words); END`,
    postgresql: '',
  },

  // Repositories whose entry is to be looked at. digest: of a manifest that was pushed; '' where any may have come, '-' where one has gone.
  // mark: which change it was, so that the look at an older one does not end the wait of a newer one.
  `CREATE TABLE search_pending (repository_id INTEGER NOT NULL, digest TEXT NOT NULL, mark INTEGER NOT NULL,
     PRIMARY KEY (repository_id, digest)) WITHOUT ROWID`,
  createTrigger({
    name: 'search_repository_made',
    change: 'AFTER INSERT ON repository',
    body: pending('NEW.id', "''"),
  }),
  {
    sqlite: createTrigger({
      ...REPOSITORY_GONE,
      body: `INSERT INTO search_words (search_words, rowid, words)
     SELECT 'delete', repository_id, words FROM search_entry WHERE repository_id = OLD.id;
     ${REPOSITORY_GONE.body}`,
    }).sqlite,
    postgresql: createTrigger(REPOSITORY_GONE).postgresql,
  },
  createTrigger({
    name: 'search_manifest_added',
    change: 'AFTER INSERT ON manifest',
    when: 'NEW.held = 1',
    body: pending('NEW.repository_id', "CASE WHEN NEW.pushed_ms IS NULL THEN '' ELSE NEW.digest END"),
  }),
  createTrigger({
    name: 'search_manifest_changed',
    change: 'AFTER UPDATE OF held ON manifest',
    when: 'NEW.held <> OLD.held',
    body: pending('NEW.repository_id', "CASE WHEN NEW.held = 1 THEN NEW.digest ELSE '-' END"),
  }),
  createTrigger({
    name: 'search_facts_read',
    change: 'AFTER UPDATE OF state ON image_facts',
    when: 'NEW.state = 0 AND OLD.state <> 0',
    body: `INSERT INTO search_pending (repository_id, digest, mark)
     SELECT repository_id, digest, ${MARK} FROM manifest WHERE digest = NEW.digest AND held = 1
     ON CONFLICT (repository_id, digest) DO UPDATE SET mark = ${MARK};`,
  }),
  "INSERT INTO search_pending (repository_id, digest, mark) SELECT id, '', 0 FROM repository",
]

/** What came later: words of one or two letters are found by the sequences that begin with them. */
export const SHORT_WORD_TABLES: readonly Sql[] = [
  { sqlite: "CREATE VIRTUAL TABLE search_trigrams USING fts5vocab ('search_words', 'row')", postgresql: '' },
  // Every entry is made anew: its text ends in blanks now, so that its last letters begin a sequence as well.
  `INSERT INTO search_pending (repository_id, digest, mark) SELECT id, '', ${MARK} FROM repository WHERE true
   ON CONFLICT (repository_id, digest) DO UPDATE SET mark = ${MARK}`,
]

function pending(repositoryId: string, digest: string): string {
  return `INSERT INTO search_pending (repository_id, digest, mark) SELECT ${repositoryId}, ${digest}, ${MARK}
     WHERE true ON CONFLICT (repository_id, digest) DO UPDATE SET mark = ${MARK};`
}
