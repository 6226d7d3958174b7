import type { RepositoryName } from '../../oci/name.ts'
import { justBefore, type NameRange, rangeFrom } from '../../oci/name-ranges.ts'
import type { Query, Sql } from '../query.ts'

export interface FoundRow {
  readonly id: number
  readonly name: RepositoryName
}

/** Every list is of names that fit: `listThere` says which of them are repositories. */
export interface SearchStep {
  readonly after: number
  readonly limit: number
}

/** A search has no more words: each is a value of the statements, and '' is in every text. */
export const MOST_WORDS = 8

/** A statement of its own for each number of words: looking for one more, an empty one, costs as much as for the first. */
function hasWords(words: readonly string[]): string {
  return words.length === 0 ? 'true' : words.map(() => 'instr(e.words, CAST(? AS TEXT)) > 0').join(' AND ')
}

/** Of a range with pieces. */
function hasPiece(pieces: readonly string[]): string {
  return pieces.length === 0 ? 'true' : `(${pieces.map(() => 'instr(r.name, CAST(? AS TEXT)) > 0').join(' OR ')})`
}

/** Names in a range, in their order. */
export async function listNames(query: Query, { from, below }: NameRange, after: string, limit: number): Promise<FoundRow[]> {
  return await query.all<FoundRow>(
    'SELECT id, name FROM repository WHERE name >= ? AND name < ? AND name > ? ORDER BY name LIMIT ?',
    from,
    below,
    after,
    limit,
  )
}

/** How many names there are in a range, at most so many. */
export async function countNames(query: Query, { from, below }: NameRange, most: number): Promise<number> {
  const row = await query.get<{ count: number }>(
    'SELECT count(*) AS count FROM (SELECT 1 FROM repository WHERE name >= ? AND name < ? LIMIT ?) found',
    from,
    below,
    most,
  )
  return row?.count ?? 0
}

/** The next names of a range that have one of its pieces. */
export async function listNamesWithPiece(query: Query, slice: NameSlice): Promise<WordsSlice<string>> {
  const { pieces = [] } = slice
  const { after, last, upTo } = await boundsOf(query, slice)
  const rows = await query.all<FoundRow>(
    `SELECT r.id AS id, r.name AS name FROM repository r
     WHERE r.name > CAST(? AS TEXT) AND r.name <= CAST(? AS TEXT) AND ${hasPiece(pieces)} ORDER BY r.name`,
    ...[after, last],
    ...pieces,
  )
  return { rows, upTo }
}

/** The next names by id that have one of the pieces, and the last id that was looked at; undefined: there was none. */
export async function listNamesById(
  query: Query,
  pieces: readonly string[],
  { after, limit }: SearchStep,
): Promise<{ readonly rows: readonly FoundRow[]; readonly last: number | undefined }> {
  const end = await query.get<{ last: number | null }>(
    'SELECT max(id) AS last FROM (SELECT id FROM repository WHERE id > ? ORDER BY id LIMIT ?) next_names',
    after,
    limit,
  )
  if (end === undefined || end.last === null) return { rows: [], last: undefined }
  const rows = await query.all<FoundRow>(
    `SELECT r.id AS id, r.name AS name FROM repository r
     WHERE r.id > CAST(? AS INTEGER) AND r.id <= CAST(? AS INTEGER) AND ${hasPiece(pieces)} ORDER BY r.id`,
    ...[after, end.last],
    ...pieces,
  )
  return { rows, last: end.last }
}

/** Those of some repositories that have all words, by id. */
export async function listAmongIds(query: Query, words: readonly string[], ids: readonly number[]): Promise<FoundRow[]> {
  return await query.all<FoundRow>(
    `SELECT e.repository_id AS id, e.name AS name FROM json_each(?) j CROSS JOIN search_entry e ON e.repository_id = CAST(j.value AS INTEGER)
     WHERE ${hasWords(words)} ORDER BY e.repository_id`,
    JSON.stringify(ids),
    ...words,
  )
}

/** Those that have all words, by id. `match`: what they must have, as the index of sequences of three letters takes it. */
export async function listByMatch(
  query: Query,
  { words, match }: { readonly words: readonly string[]; readonly match: string },
  { after, limit }: SearchStep,
): Promise<FoundRow[]> {
  return await query.all<FoundRow>(byMatch(hasWords(words)), match, after, ...words, limit)
}

function byMatch(condition: string): Sql {
  return {
    sqlite: `SELECT e.repository_id AS id, e.name AS name FROM search_words s CROSS JOIN search_entry e ON e.repository_id = s.rowid
     WHERE s.search_words MATCH CAST(? AS TEXT) AND s.rowid > CAST(? AS INTEGER) AND ${condition}
     ORDER BY s.rowid LIMIT CAST(? AS INTEGER)`,
    postgresql: `SELECT e.repository_id AS id, e.name AS name FROM search_entry e
     WHERE e.trigrams @@ matching(CAST(? AS TEXT)) AND e.repository_id > CAST(? AS INTEGER) AND ${condition}
     ORDER BY e.repository_id LIMIT CAST(? AS INTEGER)`,
  }
}

/** Entries that the index has for a match, by id: they may not have the words. */
export async function listMatchIds(query: Query, match: string, { after, limit }: SearchStep): Promise<readonly number[]> {
  const rows = await query.all<{ id: number }>(MATCH_IDS, match, after, limit)
  return rows.map(({ id }) => id)
}

const MATCH_IDS: Sql = {
  sqlite: `SELECT s.rowid AS id FROM search_words s WHERE s.search_words MATCH CAST(? AS TEXT) AND s.rowid > CAST(? AS INTEGER)
     ORDER BY s.rowid LIMIT CAST(? AS INTEGER)`,
  postgresql: `SELECT repository_id AS id FROM search_entry WHERE trigrams @@ matching(CAST(? AS TEXT)) AND repository_id > CAST(? AS INTEGER)
     ORDER BY repository_id LIMIT CAST(? AS INTEGER)`,
}

/** Whether the index has more entries for a match than so many. */
export async function hasMoreThan(query: Query, match: string, most: number): Promise<boolean> {
  const row = await query.get(MORE_THAN, match, most)
  return row !== undefined
}

const MORE_THAN: Sql = {
  sqlite: 'SELECT rowid FROM search_words WHERE search_words MATCH CAST(? AS TEXT) LIMIT 1 OFFSET CAST(? AS INTEGER)',
  postgresql: 'SELECT 1 FROM search_entry WHERE trigrams @@ matching(CAST(? AS TEXT)) LIMIT 1 OFFSET CAST(? AS INTEGER)',
}

/** A sequence of three letters in the index. */
export interface TrigramRow {
  readonly trigram: string
  /** How many entries have it. */
  readonly entries: number
}

/** Sequences that begin with one or two letters. Counting the entries of one takes longer the more there are. */
export async function listTrigrams(query: Query, beginning: string, after: string, limit: number): Promise<TrigramRow[]> {
  const { from, below } = rangeFrom(beginning)
  // One lower bound: the table takes no more, and reads from its beginning where it takes the wrong one.
  const rows = await query.all<TrigramRow>(TRIGRAMS, after === '' ? from : after, below, limit + 1)
  return rows.filter(({ trigram }) => trigram !== after).slice(0, limit)
}

/** What has more entries than 10,000 is too common to be looked up. */
const MOST_COUNTED = 10_001

const TRIGRAMS: Sql = {
  sqlite: 'SELECT term AS trigram, doc AS entries FROM search_trigrams WHERE term >= ? AND term < ? LIMIT ?',
  // One in place of all: `matching` takes a shorter one for the beginning of sequences.
  postgresql: `SELECT b.term AS trigram, (SELECT count(*) FROM (
       SELECT 1 FROM search_entry WHERE trigrams @@ beginning(b.term) LIMIT ${MOST_COUNTED}) counted) AS entries
     FROM (SELECT CAST(? AS TEXT) AS term) b WHERE b.term < CAST(? AS TEXT) LIMIT CAST(? AS INTEGER)`,
}

export interface WordsSlice<Place> {
  readonly rows: readonly FoundRow[]
  /** How far it has come; undefined: to the end. */
  readonly upTo: Place | undefined
}

/** Those that have all words, among the next entries by id, and no more of them than `most`. */
export async function listAmongAll(
  query: Query,
  words: readonly string[],
  { after, limit, most }: SearchStep & { readonly most: number },
): Promise<WordsSlice<number>> {
  const [end] = await query.all<{ id: number }>(
    'SELECT repository_id AS id FROM search_entry WHERE repository_id > ? ORDER BY repository_id LIMIT 1 OFFSET ?',
    after,
    limit - 1,
  )
  const rows = await query.all<FoundRow>(
    `SELECT e.repository_id AS id, e.name AS name FROM search_entry e
     WHERE e.repository_id > CAST(? AS INTEGER) AND e.repository_id <= CAST(? AS INTEGER) AND ${hasWords(words)}
     ORDER BY e.repository_id LIMIT CAST(? AS INTEGER)`,
    ...[after, end?.id ?? Number.MAX_SAFE_INTEGER],
    ...words,
    most,
  )
  return { rows, upTo: rows.length === most ? rows.at(-1)?.id : end?.id }
}

/** The next so many names of a range, behind one of them. */
export interface NameSlice extends NameRange {
  readonly after: string
  readonly limit: number
}

/** No more of them than `most`. */
interface WordsNames extends NameSlice {
  readonly most: number
}

/** The same among the next names of a range. */
export async function listAmongNames(query: Query, words: readonly string[], slice: WordsNames): Promise<WordsSlice<string>> {
  const { pieces = [] } = slice
  const { after, last, upTo } = await boundsOf(query, slice)
  const rows = await query.all<FoundRow>(
    `SELECT e.repository_id AS id, r.name AS name FROM repository r CROSS JOIN search_entry e ON e.repository_id = r.id
     WHERE r.name > CAST(? AS TEXT) AND r.name <= CAST(? AS TEXT) AND ${hasPiece(pieces)} AND ${hasWords(words)}
     ORDER BY r.name LIMIT CAST(? AS INTEGER)`,
    ...[after, last],
    ...[...pieces, ...words],
    slice.most,
  )
  return { rows, upTo: rows.length === slice.most ? rows.at(-1)?.name : upTo }
}

/** One bound on each side, which the index takes: each further one is compared with every name. */
async function boundsOf(query: Query, { from, below, after: behind, limit }: NameSlice) {
  const first = justBefore(from)
  const after = behind > first ? behind : first
  const end = await query.get<{ name: string }>(
    'SELECT name FROM repository WHERE name > ? ORDER BY name LIMIT 1 OFFSET ?',
    after,
    limit - 1,
  )
  const last = justBefore(below)
  return end === undefined || end.name > last ? { after, last, upTo: undefined } : { after, last: end.name, upTo: end.name }
}

/** Which of these repositories there are, as the catalog has it: they hold a manifest that this epoch has seen. */
export async function listThere(query: Query, epoch: number, ids: readonly number[]): Promise<ReadonlySet<number>> {
  const rows = await query.all<{ id: number }>(
    `SELECT r.id AS id FROM json_each(?) j CROSS JOIN repository r ON r.id = CAST(j.value AS INTEGER)
     WHERE EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = r.id AND m.held = 1 AND (r.scanned_epoch = ? OR m.epoch = ?))`,
    JSON.stringify(ids),
    epoch,
    epoch,
  )
  return new Set(rows.map(({ id }) => id))
}

/** What an answer says of a repository. */
export interface FoundFacts {
  readonly description: string
  /** The last push came from a robot, as far as that is known. */
  readonly isAutomated: boolean
  readonly stars: number
}

export const NOTHING_FOUND: FoundFacts = { description: '', isAutomated: false, stars: 0 }

/** Of these repositories, by their names. */
export async function findFoundFacts(query: Query, names: readonly string[]): Promise<ReadonlyMap<string, FoundFacts>> {
  const rows = await query.all<{ name: string; description: string | null; automated: number | null; stars: number | null }>(
    `SELECT r.name AS name, e.description AS description, e.automated AS automated, m.stars AS stars
     FROM json_each(?) j CROSS JOIN repository r ON r.name = j.value
     LEFT JOIN search_entry e ON e.repository_id = r.id LEFT JOIN remark m ON m.repository = r.name`,
    JSON.stringify(names),
  )
  return new Map(
    rows.map(({ name, description, automated, stars }) => [
      name,
      { description: description ?? '', isAutomated: automated === 1, stars: stars ?? 0 },
    ]),
  )
}
