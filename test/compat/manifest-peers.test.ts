import { expect, setDefaultTimeout, test } from 'bun:test'
import { someOf } from '../support/effort.ts'
import { ALL_MANIFEST_TYPES, blobsOf } from '../support/images.ts'
import { MANIFEST_CASES, type ManifestCase, NAMED } from '../support/odd-manifests.ts'
import { PEER_3_PROGRAM, PEER_PROGRAM } from '../support/peer.ts'
import { asCell, differenceLine, type Facts, listedDifferences, Peers } from '../support/peer-differences.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(300_000)

const AT_ONCE = 16
/** Of about a thousand. */
const SOME = 400

describeWith({ programs: [PEER_PROGRAM, PEER_3_PROGRAM, 'versitygw'] }, 'Manifests, valid, odd and broken', () => {
  test('are taken and refused as by registry:2 and registry:3, but for what docs/peer-differences.md lists', async () => {
    await using peers = await Peers.start(['registry:2', 'registry:3', 'Berth'])
    await peers.each(pushNamed)

    const listed = Map.groupBy(listedDifferences('Manifests'), titleOf)
    const chosen = someOf('manifests that registries take', MANIFEST_CASES, SOME)

    const lines = await inBatches(chosen, async (one, number) => {
      const outcomes = await peers.each((url) => push(new RegistryClient(url), one, `case-${number}`))
      return differenceLine(one.title, outcomes)
    })

    const expected = chosen.flatMap(({ title }) => listed.get(asCell(title)) ?? [])
    expect(lines.toSorted()).toEqual(expected.toSorted())
    const titles = new Set(MANIFEST_CASES.map(({ title }) => asCell(title)))
    expect([...listed.keys()].filter((title) => !titles.has(title))).toEqual([])
  })
})

function titleOf(line: string): string {
  return line.slice(0, line.indexOf(' | '))
}

/** As many side by side as a client has connections. */
async function inBatches<Case>(
  cases: readonly Case[],
  line: (one: Case, number: number) => Promise<string | undefined>,
): Promise<readonly string[]> {
  const lines: string[] = []
  for (let start = 0; start < cases.length; start += AT_ONCE) {
    const batch = cases.slice(start, start + AT_ONCE)
    const found = await Promise.all(batch.map((one, number) => line(one, start + number)))
    lines.push(...found.filter((text) => text !== undefined))
  }
  return lines
}

/** What the manifests name. */
async function pushNamed(url: string): Promise<void> {
  const client = new RegistryClient(url)
  for (const image of NAMED) {
    for (const blob of blobsOf(image)) await client.pushBlob('app', blob)
    await expectStatus(await client.putManifest('app', image.manifest.digest, image.manifest), 201)
  }
}

/** Whether it was taken, and then whether it comes back as it is. */
async function push(client: RegistryClient, { contentType, bytes }: ManifestCase, tag: string): Promise<Facts> {
  const headers = contentType === undefined ? {} : { 'content-type': contentType }
  const path = `/v2/app/manifests/${tag}`
  const put = await client.request('PUT', path, { headers, body: bytes.slice() })
  if (put.status !== 201) return { status: String(put.status), code: await codeOf(put) }
  await put.bytes()
  const got = await settledGet(client, path)
  if (got.status !== 200) return { status: '201', 'GET then': `${got.status} ${await codeOf(got)}` }
  if (!Buffer.from(await got.bytes()).equals(bytes)) return { status: '201', 'GET then': 'other bytes' }
  const type = got.headers.get('content-type') ?? ''
  return { status: '201', ...(type === contentType?.split(';')[0] ? {} : { 'GET then': type }) }
}

/**
 * The registries write a file in place that another case, with the same bytes, reads at that moment: what fails for that reason does not
 * fail three times.
 */
async function settledGet(client: RegistryClient, path: string): Promise<Response> {
  const get = async () => await client.request('GET', path, { headers: { accept: ALL_MANIFEST_TYPES } })
  let answer = await get()
  for (let again = 0; again < 2 && answer.status >= 500; again += 1) answer = await get()
  return answer
}

async function codeOf(response: Response): Promise<string> {
  const text = await response.text()
  return [...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code).join(' ') || 'no code'
}
