import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

test('docs/page.md shows a picture of each screen that `npm run pictures` makes, and no other', () => {
  const script = readFileSync(join(ROOT, 'scripts/page-pictures.ts'), 'utf8')
  const made = [...script.matchAll(/^ {2}'?([a-z-]+)'?: '\//gm), ...script.matchAll(/picture\(tab, `([a-z-]+)\$/g)].map(
    ([, name]) => name,
  )
  const page = readFileSync(join(ROOT, 'docs/page.md'), 'utf8')
  const shown = new Set([...page.matchAll(/\(page\/([a-z-]+)\.webp\)/g)].map(([, name]) => name))

  const files = readdirSync(join(ROOT, 'docs/page')).map((name) => name.replace('.webp', ''))
  expect(made.length).toBeGreaterThan(20)
  expect(files.toSorted()).toEqual(made.toSorted() as string[])
  expect([...shown].toSorted()).toEqual(files.toSorted())
})
