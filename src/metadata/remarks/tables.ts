const DESCRIBED = `INSERT INTO search_pending (repository_id, digest, mark)
     SELECT id, '-', random() >> 12 FROM repository WHERE name = NEW.repository ON CONFLICT DO UPDATE SET mark = excluded.mark;`

/** What people say of repositories: descriptions and stars (docs/search.md). The storage has the same; a row says what it says. */
export const REMARK_TABLES: readonly string[] = [
  // Names instead of ids: what the storage has is read before the repositories are known. stars: how many rows of `star` there are.
  `CREATE TABLE remark (repository TEXT PRIMARY KEY, description TEXT, stars INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID`,
  // user: the name of the file in the storage, which is made of the name of the user.
  'CREATE TABLE star (repository TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (repository, user)) WITHOUT ROWID',
  `CREATE TRIGGER star_given AFTER INSERT ON star BEGIN INSERT INTO remark (repository, stars) VALUES (NEW.repository, 1)
     ON CONFLICT (repository) DO UPDATE SET stars = stars + 1; END`,
  'CREATE TRIGGER star_taken AFTER DELETE ON star BEGIN UPDATE remark SET stars = stars - 1 WHERE repository = OLD.repository; END',
  // A search finds the words of a description.
  `CREATE TRIGGER remark_described AFTER INSERT ON remark WHEN NEW.description IS NOT NULL BEGIN ${DESCRIBED} END`,
  `CREATE TRIGGER remark_redescribed AFTER UPDATE OF description ON remark WHEN NEW.description IS NOT OLD.description
   BEGIN ${DESCRIBED} END`,
  // 1: the last push that a look of the search met came from a robot.
  'ALTER TABLE search_entry ADD COLUMN automated INTEGER NOT NULL DEFAULT 0',
]
