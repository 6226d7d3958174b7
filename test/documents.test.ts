import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

const ROOT = join(import.meta.dir, '..')
const DOCUMENTS = ['*.md', 'docs/**/*.md'].flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)])
/** `](path)`, `](path#heading)` and `](#heading)`, but no address of the web. */
const LINK = /\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g
const HEADING = /^#+ (.*)$/gm

test('links in the documents lead to a file, and to a heading in it', () => {
  const links = DOCUMENTS.flatMap((document) =>
    [...read(document).matchAll(LINK)].map(([, path = '', heading]) => ({ document, path, heading })),
  )
  const broken = links.flatMap(({ document, path, heading }) => {
    const target = path === '' ? document : normalize(join(document, '..', path))
    if (!existsSync(join(ROOT, target))) return [`${document} links to ${path}, which is not there`]
    if (heading === undefined || headingsOf(target).includes(heading)) return []
    return [`${document} links to #${heading}, which is no heading of ${target}`]
  })

  expect(links.length).toBeGreaterThan(50)
  expect(broken).toEqual([])
})

function read(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8')
}

/** As the sites that show Markdown name them: in small letters, with hyphens for spaces, without other signs. */
function headingsOf(document: string): readonly string[] {
  return [...read(document).matchAll(HEADING)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}
