/** What the commands about accounts print. */

export interface ListOptions {
  readonly json?: boolean
}

/** Rows under their titles, or the entries themselves for a program. `none` is said in the place of an empty table. */
export function printList<Entry extends Readonly<Record<string, unknown>>>(
  entries: readonly Entry[],
  columns: Readonly<Record<string, (entry: Entry) => string>>,
  { json = false, none }: ListOptions & { readonly none: string },
): void {
  if (json) printJson(entries)
  else if (entries.length === 0) print(none)
  else for (const line of table(entries, columns)) print(line)
}

function table<Entry>(entries: readonly Entry[], columns: Readonly<Record<string, (entry: Entry) => string>>): string[] {
  const rows = [Object.keys(columns), ...entries.map((entry) => Object.values(columns).map((cell) => cell(entry)))]
  const widths = Object.keys(columns).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2))
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** What is not the result: it does not get into a pipe. */
export function remark(sentence: string): void {
  process.stderr.write(`berth: ${sentence}\n`)
}

/** A day in the order year, month, day, which is never mistaken for another. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}

/** Where a day would be too little: a token may be good for hours. */
export function minute(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
