import { join } from 'node:path'

const PATH = join(import.meta.dir, '../docs/benchmarks.md')

interface Run {
  readonly machine: readonly string[]
  readonly command: string
}

/** Puts each table between its marks in docs/benchmarks.md, with the run it comes from. What was not run stays. */
export async function writeDocumentation(tables: ReadonlyMap<string, string>, { machine, command }: Run): Promise<void> {
  let text = await Bun.file(PATH).text()
  for (const [name, table] of tables) text = replaced(text, name, `${table}\n\n\`${command}\`, ${machine.at(-1)}`)
  await Bun.write(
    PATH,
    replaced(
      text,
      'machine',
      machine
        .slice(0, -1)
        .map((line) => `- ${line}`)
        .join('\n'),
    ),
  )
}

function replaced(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md has no place for ${name}`)
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`
}
