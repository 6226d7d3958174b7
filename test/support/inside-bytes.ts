import { Database } from 'bun:sqlite'

const TABLES = ['layer_inside', 'layer_piece', 'image_inside', 'package', 'image_package', 'inside_gone']

/** What all tables and indexes take that are kept of layers, in whole pages, and how much of it is of each. */
export function insideBytes(path: string): { readonly bytes: number; readonly tables: Readonly<Record<string, number>> } {
  using database = new Database(path, { readonly: true })
  const pages = `SELECT t.tbl_name AS name, sum(s.pgsize) AS bytes FROM dbstat s JOIN sqlite_schema t ON t.name = s.name
    WHERE s.aggregate = 1 AND t.tbl_name IN (SELECT value FROM json_each(?)) GROUP BY t.tbl_name`
  const rows = database.query<{ name: string; bytes: number }, [string]>(pages).all(JSON.stringify(TABLES))
  return {
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    tables: Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes])),
  }
}
