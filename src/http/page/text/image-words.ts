import type { ImageConfig } from '../../../oci/image/image-config.ts'
import type { ImageFacts } from '../../../oci/image/image-facts.ts'
import type { ShownImage } from '../../../registry/search/images.ts'
import { Address, type Html, html, type Shown } from './html.ts'
import { dockerfileLine } from './layers.ts'
import { listText, timeOf } from './words.ts'

const MOST_PLATFORMS = 12
const MOST_WORDS = 40

/** What people ask of an image, where it says something about it. `first`: what the first image of an image index says. */
export function whatItIs(
  { facts }: Pick<ShownImage, 'facts'>,
  first: ImageFacts | undefined,
  size: string | undefined,
): Html | undefined {
  if (facts === undefined) return html`<p class="quiet">What is in this image has not been read yet.</p>`
  const said = first ?? facts
  const { config } = said
  return known([
    ['Title', textOf(facts.title ?? said.title)],
    ['Version', textOf(facts.version ?? said.version)],
    ['Built on', baseText(said)],
    ['Runs', config === undefined ? undefined : runText(config)],
    ['Platforms', facts.platforms.length > 0 && listText(facts.platforms, MOST_PLATFORMS)],
    ['Size', size],
    ['Made', timeOf(said.createdMs)],
    ['Source', sourceLink(facts.source ?? said.source)],
  ])
}

/** A list of what is known: what is not is left out. */
export function known(
  rows: readonly (readonly [name: string, value: Shown])[],
  look: 'brief' | 'long' | '' = '',
): Html | undefined {
  const there = rows.filter(([, value]) => value !== undefined && value !== false && value !== '')
  if (there.length === 0) return undefined
  return html`<dl class="known ${look}">${there.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

/** A text of an image's builder, in a direction of its own. */
export function textOf(text: string | undefined): Html | undefined {
  return text === undefined || text === '' ? undefined : html`<bdi>${text}</bdi>`
}

/** A page of the web is a link, which tells its host nothing of this one; any other text is a text. */
export function sourceLink(source: string | undefined): Html | undefined {
  const address = source === undefined ? undefined : Address.findPage(source)
  return address === undefined ? textOf(source) : html`<a href="${address}" rel="noopener noreferrer nofollow">${source}</a>`
}

/** The image or the distribution on which it was built, by what its builder says, its labels and the first step of its history. */
export function baseText({ baseName, baseDigest, config }: ImageFacts): Html | undefined {
  if (baseName !== undefined)
    return html`<code>${baseName}</code>${baseDigest !== undefined && html` <code class="quiet">${baseDigest.slice(0, 19)}</code>`}`
  return textOf(config && distributionOf(config))
}

function distributionOf({ labels, history }: ImageConfig): string | undefined {
  const name = ownLabel(labels, 'org.opencontainers.image.ref.name')
  if (name !== '' && /^(?:ubuntu|debian|fedora|alpine|rockylinux|almalinux)$/.test(name))
    return `${name} ${ownLabel(labels, 'org.opencontainers.image.version')}`.trim()
  const first = history.find(({ isEmpty }) => !isEmpty)?.by ?? ''
  const alpine = /alpine-minirootfs-([0-9.]+)-/.exec(first)?.[1]
  if (alpine !== undefined) return `Alpine ${alpine}`
  const debian = /debian\.sh .*'([a-z]+)' '@/.exec(first)?.[1]
  if (debian !== undefined) return `Debian ${debian}`
  return isOwnFile(first) ? 'nothing (scratch): its first layer is its own' : undefined
}

/** A step that brings files into an empty image, and not a whole file system into its root. */
function isOwnFile(by: string): boolean {
  const target = /^(?:COPY|ADD) .*?(\S+)$/s.exec(dockerfileLine(by))?.[1]
  return target !== undefined && target !== '/' && !/\.tar(?:\.\w+)?\b/.test(by)
}

function ownLabel(labels: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(labels, name) ? (labels[name] ?? '') : ''
}

export function runText({ entrypoint, command, user, ports, workingDirectory }: ImageConfig): Html | undefined {
  const words = [...entrypoint, ...command]
  if (words.length === 0 && user === '' && ports.length === 0) return undefined
  const line = words.slice(0, MOST_WORDS).map(shellWord).join(' ')
  const rest = [
    user !== '' && ` as ${user}`,
    workingDirectory !== '' && ` in ${workingDirectory}`,
    ports.length > 0 && ` on ${listText(ports, 8)}`,
  ]
  return html`${line !== '' && html`<code><bdi>${line}</bdi></code>`}<bdi>${rest}</bdi>`
}

/** As a shell would take it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
