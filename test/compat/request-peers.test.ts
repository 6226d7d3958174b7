import { expect, setDefaultTimeout, test } from 'bun:test'
import { blobsOf, sha256 } from '../support/images.ts'
import {
  BLOB,
  DOCKER,
  EMPTY,
  INDEX,
  LIST,
  OCI,
  PLACES,
  REFERRER,
  REQUEST_CASES,
  type RequestCase,
} from '../support/odd-requests.ts'
import { PEER_3_PROGRAM, PEER_PROGRAM } from '../support/peer.ts'
import { differenceLine, type Facts, listedDifferences, Peers } from '../support/peer-differences.ts'
import { parseRaw, type RawResponse, requestHead, sendRaw } from '../support/raw-http.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(300_000)

describeWith({ programs: [PEER_PROGRAM, PEER_3_PROGRAM, 'versitygw'] }, 'Requests, usual and odd', () => {
  test('are answered as by registry:2 and registry:3, but for what docs/peer-differences.md lists', async () => {
    await using peers = await Peers.start(['registry:2', 'registry:3', 'Berth', 'Berth on a bucket'])
    await peers.each(fill)

    const lines: string[] = []
    const apart: Record<string, unknown> = {}
    for (const one of REQUEST_CASES) {
      const outcomes = await peers.each((url) => send(url, one))
      // Directories and buckets have a server each, and both are held to the same list.
      const { Berth: berth, 'Berth on a bucket': onBucket } = outcomes
      if (!Bun.deepEquals(berth, onBucket)) apart[one.title] = { berth, onBucket }
      const line = differenceLine(one.title, outcomes)
      if (line !== undefined) lines.push(line)
    }

    expect(apart).toEqual({})
    expect(lines.toSorted()).toEqual(listedDifferences('Requests').toSorted())
  })
})

async function fill(url: string): Promise<void> {
  const client = new RegistryClient(url)
  for (const blob of [BLOB, EMPTY, ...[OCI, DOCKER, REFERRER].flatMap(blobsOf)]) await client.pushBlob('app', blob)
  for (const [tag, manifest] of [
    ['oci', OCI.manifest],
    ['docker', DOCKER.manifest],
    ['index', INDEX],
    ['list', LIST],
    [REFERRER.manifest.digest, REFERRER.manifest],
  ] as const) {
    await expectStatus(await client.putManifest('app', tag, manifest), 201)
  }
  for (const repository of ['app/below', 'zoo']) {
    for (const blob of blobsOf(OCI)) await client.pushBlob(repository, blob)
    await expectStatus(await client.putManifest(repository, 'oci', OCI.manifest), 201)
  }
}

/** Sends one request on a connection of its own, so that nothing on the way makes its path or its headers tidy. */
async function send(url: string, one: RequestCase): Promise<Facts> {
  const places = one.path.includes('{upload}') ? { ...PLACES, upload: await newUpload(url, one) } : PLACES
  const fill = (text: string) => text.replace(/\{([^}]+)\}/g, (whole, name: string) => places[name] ?? whole)
  const length = one.body === undefined ? [] : [`Content-Length: ${one.body.length}`]
  const head = requestHead(one.method, fill(one.path), [...one.headers.map(fill), ...length])
  return factsOf(one, parseRaw(await sendRaw(url, `${head}${one.body ?? ''}`)))
}

/** The path of a new upload, to which a query can be added. */
async function newUpload(url: string, { uploaded }: RequestCase): Promise<string> {
  const client = new RegistryClient(url)
  const started = await client.startUpload('app')
  const location = uploaded === '' ? started : await client.appendUpload(started, new TextEncoder().encode(uploaded))
  const { pathname, search } = new URL(location, url)
  return `${pathname}${search === '' ? '?' : `${search}&`}`
}

/** What clients go by. Left out is what is another word for the same in each answer: the origin of a Location, an upload's id. */
function factsOf({ method }: RequestCase, { status, headers, body }: RawResponse): Facts {
  const names = ['Docker-Content-Digest', 'ETag', 'Range', 'Content-Range', 'Accept-Ranges', 'Allow', 'OCI-Subject', 'OCI-Tag']
  const shown = [...names, 'OCI-Filters-Applied'].flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, named(value)] as const]
  })
  const [type, location, link] = ['content-type', 'location', 'link'].map((name) => headers.get(name))
  return {
    status: String(status),
    ...codesOf(body),
    ...(status < 300 && typeof type === 'string' ? { type: type.split(';')[0] ?? '' } : {}),
    ...Object.fromEntries(shown),
    ...(typeof location === 'string' ? { Location: locationOf(location) } : {}),
    ...(typeof link === 'string' ? { Link: linkOf(link) } : {}),
    ...(status < 300 ? { body: method === 'HEAD' ? `length ${headers.get('content-length')}` : bodyOf(headers, body) } : {}),
  }
}

function codesOf(body: string): Facts {
  const codes = [...body.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code)
  return codes.length === 0 ? {} : { code: codes.join(' ') }
}

/** Digests by the names that they have in the titles. */
function named(text: string): string {
  return Object.entries(PLACES).reduce((result, [name, value]) => result.replaceAll(value, `{${name}}`), text)
}

function locationOf(text: string): string {
  const { pathname, search } = new URL(text, 'http://registry')
  const path = pathname.replace(/(\/blobs\/uploads\/)[^/]+$/, '$1{id}')
  return named(path + (search.includes('_state=') ? '' : search))
}

function linkOf(text: string): string {
  const [, target = '', rest = ''] = text.match(/^<([^>]*)>(.*)$/) ?? []
  const { pathname, searchParams } = new URL(target, 'http://registry')
  searchParams.sort()
  return `<${pathname}?${searchParams}>${rest}`
}

function bodyOf(headers: Headers, body: string): string {
  const type = headers.get('content-type') ?? ''
  if (type.startsWith('multipart/')) return 'parts'
  // registry:2 signs what it makes of an image anew each time.
  if (type.endsWith('+prettyjws')) return 'signed'
  const text = headers.get('transfer-encoding') === 'chunked' ? unchunked(body) : body
  // registry:2 lists tags in no order.
  const tags = text
    .match(/"tags":\[(.+)\]/)?.[1]
    ?.split(',')
    .toSorted()
  if (tags !== undefined) return tags.join(',')
  if (text.length <= 200 && /^[\x20-\x7e\n]*$/.test(text)) return text.trim() || 'empty'
  return `${text.length} bytes ${named(sha256(Buffer.from(text, 'latin1'))).slice(0, 16)}`
}

function unchunked(text: string): string {
  const size = Number.parseInt(text, 16)
  if (!(size > 0)) return ''
  const start = text.indexOf('\r\n') + 2
  return text.slice(start, start + size) + unchunked(text.slice(start + size + 2))
}
