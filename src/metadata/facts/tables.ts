import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

/** What is known of images, by the digest of their manifest (docs/search.md). All of it can be read anew from the storage. */
export const FACT_TABLES: readonly Sql[] = [
  // state: 0 read, 1 to be read, 2 waits for its config, as where it comes from another registry, 3 unreadable. A table with rows of their own: a digest is looked up without reading what is long.
  // platforms: a list of JSON. details: what is only shown for one image, as JSON. words: what a search looks at; null where it says nothing.
  `CREATE TABLE image_facts (digest TEXT NOT NULL PRIMARY KEY, state INTEGER NOT NULL, created_ms INTEGER, size INTEGER, platforms TEXT,
     title TEXT, description TEXT, source TEXT, version TEXT, base_name TEXT, base_digest TEXT, config TEXT, first_image TEXT, words TEXT, details TEXT)`,
  'CREATE INDEX image_facts_unread ON image_facts (state, digest) WHERE state > 0',
  // A push puts its facts first, so that it pays for no row of this one. What a scan finds is read later.
  {
    sqlite: `CREATE TRIGGER image_facts_wanted AFTER INSERT ON manifest_content
       WHEN NOT EXISTS (SELECT 1 FROM image_facts WHERE digest = NEW.digest)
     BEGIN INSERT INTO image_facts (digest, state) VALUES (NEW.digest, 1); END`,
    postgresql: createTrigger({
      name: 'image_facts_wanted',
      change: 'AFTER INSERT ON manifest_content',
      body: 'INSERT INTO image_facts (digest, state) VALUES (NEW.digest, 1) ON CONFLICT DO NOTHING;',
    }).postgresql,
  },
  createTrigger({
    name: 'image_facts_removed',
    change: 'AFTER DELETE ON manifest_content',
    body: 'DELETE FROM image_facts WHERE digest = OLD.digest;',
  }),
  'INSERT INTO image_facts (digest, state) SELECT digest, 1 FROM manifest_content',
]
