import type { Trace } from './trace.ts'

const HEAD = `# Which files run for a request

A registry on a directory, with SQLite and the default configuration, is asked 25 times for the same thing after a first time; a file counts
when one of its functions runs each time. \`npm run trace\` prints this page, \`npm run trace -- --write-docs\` writes it, and
\`test/trace.test.ts\` fails when it is not true any more.
`

/** The page of the documentation: how many files run for each request, and which. */
export function tracePage(traces: readonly Trace[]): string {
  const counts = traces.map(({ title, files }) => `| ${title} | ${files.length} |`)
  const all = [...new Set(traces.flatMap(({ files }) => files))].sort()
  const rows = all.map((file) => `| \`${file}\` | ${traces.map(({ files }) => (files.includes(file) ? '●' : '')).join(' | ')} |`)
  return [
    HEAD,
    ...['| Request | Files |', '|---|---|', ...counts, ''],
    `| File of src | ${traces.map(({ title }) => title).join(' | ')} |`,
    `|---|${traces.map(() => '---|').join('')}`,
    ...[...rows, ''],
  ].join('\n')
}
