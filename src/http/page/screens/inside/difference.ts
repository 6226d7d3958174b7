import type { ComparedImages } from '../../../../registry/inside/inside-images.ts'
import { type Html, html } from '../../text/html.ts'
import { countText, sizeText } from '../../text/words.ts'

const MOST_ROWS = 300

type Difference = ComparedImages['difference']

/** What is not the same inside of two images: packages, and files with the largest change of size first. */
export function differenceTables(
  { packages, files, fileCount }: Difference,
  sides: { readonly from: string; readonly to: string },
): Html {
  return html`${packages.length > 0 && packageTable(packages, sides)}
${files.length > 0 && fileTable({ files, fileCount }, sides)}
${packages.length + files.length === 0 && html`<p class="quiet">Their packages and files are the same.</p>`}`
}

function packageTable(lines: Difference['packages'], { from, to }: { readonly from: string; readonly to: string }): Html {
  const rows = lines.slice(0, MOST_ROWS).map(
    ({ name, before, after }) =>
      html`<tr><td class="name"><bdi>${name}</bdi></td><td>${versionOf(before)}</td><td>${versionOf(after)}</td></tr>
`,
  )
  return html`<h2>Packages <span class="quiet">${countText(lines.length, 'is different', 'are different')}</span></h2>
<table class="rows"><thead><tr><th scope="col">Package</th><th scope="col">${from}</th><th scope="col">${to}</th></tr></thead><tbody>${rows}</tbody></table>
${more(lines.length)}`
}

function versionOf(version: string | undefined): Html {
  return version === undefined ? html`<span class="quiet">not there</span>` : html`<bdi>${version}</bdi>`
}

type Files = Pick<Difference, 'files' | 'fileCount'>

function fileTable({ files, fileCount }: Files, { from, to }: { readonly from: string; readonly to: string }): Html {
  const rows = files.slice(0, MOST_ROWS).map(
    ({ path, before, after }) =>
      html`<tr><td class="name"><code><bdi>/${path}</bdi></code></td><td class="number">${sizeOf(before)}</td><td class="number">${sizeOf(after)}</td></tr>
`,
  )
  return html`<h2>Files <span class="quiet">${countText(fileCount, 'is different', 'are different')}</span></h2>
<table class="rows"><thead><tr><th scope="col">File</th><th scope="col" class="number">${from}</th><th scope="col" class="number">${to}</th></tr></thead><tbody>${rows}</tbody></table>
${more(fileCount)}`
}

function sizeOf(file: Difference['files'][number]['before']): Html | string {
  if (file === undefined) return html`<span class="quiet">not there</span>`
  return file.kind === 'file' ? sizeText(file.size) : file.kind
}

function more(count: number): Html | undefined {
  return count > MOST_ROWS
    ? html`<p class="quiet">${count - MOST_ROWS} more; <code>/api/v1</code> has them page by page.</p>`
    : undefined
}
