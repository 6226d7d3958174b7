import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

test('every test that docs/compatibility.md names is there', async () => {
  const page = await readFile(join(ROOT, 'docs/compatibility.md'), 'utf8')
  const [, demands = ''] = page.split('| Endpoint | Level | Demand | Test |')
  const cells = [...demands.matchAll(/^\|.*\|(.*)\|$/gm)].map(([, cell = '']) => cell.trim())
  const named = cells.flatMap((cell) => cell.split('<br>')).flatMap((line) => [...line.matchAll(/^`([^`]+)` (.+)$/g)])
  expect(named.length).toBeGreaterThan(80)

  const missing: string[] = []
  for (const [, file = '', title = ''] of named) {
    const path = `${file.includes('/') ? file : `test/protocol/${file}`}.test.ts`
    const source = await readFile(join(ROOT, path), 'utf8')
    if (!source.includes(`'${title}'`)) missing.push(`${path}: ${title}`)
  }

  expect(missing).toEqual([])
})
