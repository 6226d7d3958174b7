import { RegistryError } from '../../../oci/errors.ts'
import type { InsideFacts } from '../../../registry/inside/inside-facts.ts'
import type { ComparedImages, ReadFiles } from '../../../registry/inside/inside-images.ts'
import { streamOf } from '../../answer/byte-stream.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { shownNames } from '../../shown-names.ts'
import { parametersIn } from '../parameters.ts'
import type { ContentRoute } from '../routes.ts'
import { attachedSboms } from './attached.ts'
import { DIFFERENCE, FILE, FILES, INSIDE, meantBy, PACKAGES, pageOf, SBOM } from './parameters.ts'

/** What an image is: its distribution, its program, how many packages it has, and its layers. */
export async function getInside({ registry, request, permit, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, INSIDE)
  const image = await registry.shown.inside.of(route.repository, meantBy(words), request.signal)
  const { digest, state, inside, layers } = image
  const base = await registry.shown.inside.baseOf(image, shownNames(permit))
  const { distribution, program } = inside ?? {}
  return jsonResponse({
    ...{ digest, state },
    distribution: distribution === undefined ? null : { ...distribution, version: distribution.version ?? null },
    base: base === undefined ? null : { ...base, digest: base.digest ?? null },
    attachedSboms: await attachedSboms(registry, route.repository, image),
    program: program === undefined ? null : shownProgram(program),
    packages: inside?.packages ?? {},
    layers: layers.map(({ digest: of, mediaType, size, entries = null, problems }) => ({
      ...{ digest: of, mediaType, bytes: size, entries, problems },
    })),
    problems: inside?.problems ?? [],
  })
}

/** The packages of an image, by type and name. */
export async function listPackages({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, PACKAGES)
  const { image, packages, urlOf } = await registry.shown.inside.packages(route.repository, meantBy(words), request.signal)
  const { q = '', type } = words
  const wanted = packages.filter((each) => each.name.includes(q) && (type === undefined || each.type === type))
  const { items, ...page } = pageOf(wanted, words)
  return jsonResponse({
    digest: image.digest,
    packages: items.map((each) => ({
      ...{ type: each.type, name: each.name, version: each.version, architecture: each.architecture ?? null },
      ...{ source: each.source ?? null, path: `/${each.path}`, purl: urlOf(each) },
    })),
    ...page,
  })
}

/** What lies in a folder of an image, as its container sees it. */
export async function listFiles({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, FILES)
  const { path = '/' } = words
  const { image, files } = await registry.shown.inside.files(route.repository, meantBy(words), path, request.signal)
  if (files === undefined) throw nothingAt(path)
  const { items, ...page } = pageOf(files, words)
  return jsonResponse({ digest: image.digest, files: items.map(shownFile), ...page })
}

/** The bytes of one file, as they come out of its layer. A browser never shows them: an image's files may be anything. */
export async function getFile({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, FILE)
  const found = await registry.shown.inside.file(route.repository, meantBy(words), words.path, request.signal)
  if (found === undefined) throw nothingAt(words.path)
  const { file, chunks } = found
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': attachment(file.path.slice(file.path.lastIndexOf('/') + 1)),
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': String(file.size),
  }
  return { status: 200, headers, body: request.method === 'HEAD' || file.size === 0 ? null : streamOf(chunks) }
}

/** What is different between two images: packages, and files with the largest change of size first. */
export async function getDifference({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, DIFFERENCE)
  const { platform } = words
  const sides = [
    { reference: words.from, platform },
    { reference: words.to, platform },
  ] as const
  const { from, to, difference } = await registry.shown.inside.compare(route.repository, ...sides, request.signal)
  const { items, ...page } = pageOf(difference.files, words)
  const total = difference.fileCount
  return jsonResponse({
    ...{ from: from.digest, to: to.digest, sharedLayers: difference.sharedLayers },
    ...{ packages: difference.packages.map(shownLine), files: items.map(shownChange), ...page, total },
  })
}

/** A list of packages for other programs, as it was read. */
export async function getSbom({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const words = parametersIn(route.query, SBOM)
  const { repository } = route
  const sbom = await registry.shown.inside.sbom(repository, meantBy(words), words.format ?? 'cyclonedx', request.signal)
  return jsonResponse(sbom)
}

type ImageFile = NonNullable<ReadFiles['files']>[number]
type Difference = ComparedImages['difference']

function shownProgram({ path, kind, language, isStatic, libraries, interpreter }: NonNullable<InsideFacts['program']>) {
  return { path: `/${path}`, kind, language: language ?? null, static: isStatic, libraries, interpreter: interpreter ?? null }
}

function shownFile({ path, kind, size, mode, userId, groupId, target, layer }: ImageFile) {
  const rights = { mode: mode.toString(8).padStart(4, '0'), userId, groupId }
  return { path: `/${path}`, kind, bytes: size, ...rights, target: target === '' ? null : target, layer: layer + 1 }
}

function shownLine({ name, before, after }: Difference['packages'][number]) {
  return { name, from: before ?? null, to: after ?? null }
}

function shownChange({ path, before, after }: Difference['files'][number]) {
  const side = (file: ImageFile | undefined) => {
    if (file === undefined) return null
    const { bytes, kind, mode, userId, groupId } = shownFile(file)
    return { bytes, kind, mode, userId, groupId }
  }
  return { path: `/${path}`, from: side(before), to: side(after) }
}

function nothingAt(path: string): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', { message: `There is nothing at ${JSON.stringify(path.slice(0, 200))} in the image.` })
}

/** The name in letters that every client takes, and as it is (RFC 6266). */
function attachment(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9._+-]/g, '_').slice(0, 200)
  const whole = encodeURIComponent(name.slice(0, 200)).replace(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}
