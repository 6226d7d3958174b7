import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ALL_MANIFEST_TYPES, blobsOf, type Content, contentOf, fixedBytes, makeImage, sha256 } from '../support/images.ts'
import { type Environment, environmentIn, runToSuccess } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const BLOB_BYTES = 8 * 1024 * 1024 + 4321

/** Pulls as containerd 2.1 and newer do: ranges from the first request on, several at once, ended as soon as a part is there. */
describeWith({ programs: ['curl', 'head', 'sh'] }, 'A pull in ranges', () => {
  const resources = new AsyncDisposableStack()
  const blob = contentOf('application/octet-stream', fixedBytes(BLOB_BYTES))
  const image = makeImage('ranges')
  let folder: TemporaryFolder
  let registry: RegistryProcess
  let environment: Environment

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    registry = resources.use(await startRegistry({ folder, dataDirectory: folder.join('data') }))
    environment = environmentIn(folder.join('curl'))
    const client = new RegistryClient(registry.url)
    for (const content of [blob, ...blobsOf(image)]) await client.pushBlob('ranges', content)
    await client.putManifest('ranges', 'latest', image.manifest)
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test(
    'a first request for bytes=0- gets the whole blob as 206',
    async () => {
      const { headers, bytes } = await curl(blobUrl(blob), '--header', 'Range: bytes=0-')

      expect(headers).toMatch(/^HTTP\/1\.1 206 /)
      expect(headers).toMatch(new RegExp(`^content-range: bytes 0-${BLOB_BYTES - 1}/${BLOB_BYTES}\r$`, 'im'))
      expect(headers).toMatch(new RegExp(`^content-length: ${BLOB_BYTES}\r$`, 'im'))
      expect(sha256(bytes)).toBe(blob.digest)
    },
    TEST_MS,
  )

  test(
    'parts that are asked for at once make up the blob',
    async () => {
      const starts = [0, 1, 1024 * 1024, 5_000_000]
      const ends = [...starts.slice(1), BLOB_BYTES]

      const parts = await Promise.all(
        starts.map((start, part) => curl(blobUrl(blob), '--range', `${start}-${Number(ends[part]) - 1}`)),
      )

      expect(sha256(Buffer.concat(parts.map(({ bytes }) => bytes)))).toBe(blob.digest)
    },
    TEST_MS,
  )

  test(
    'open ranges that are closed early by the client give their part, and the registry goes on',
    async () => {
      const partBytes = 1024 * 1024
      const starts = Array.from({ length: Math.ceil(BLOB_BYTES / partBytes) }, (_, part) => part * partBytes)
      const download = (start: number) =>
        `curl --silent --fail --max-time 20 --range ${start}- ${blobUrl(blob)} | head -c ${partBytes} > ${folder.join(`part-${start}`)}`

      await Promise.all(starts.map((start) => runToSuccess(['sh', '-c', download(start)], { environment })))

      const parts = await Promise.all(starts.map((start) => Bun.file(folder.join(`part-${start}`)).bytes()))
      expect(sha256(Buffer.concat(parts))).toBe(blob.digest)
      expect((await curl(`${registry.url}/v2/`)).headers).toMatch(/^HTTP\/1\.1 200 /)
    },
    TEST_MS,
  )

  test(
    'a download that was cut is resumed where it ended',
    async () => {
      const path = await folder.file('cut', blob.bytes.subarray(0, 3_000_000))

      await runToSuccess(['curl', '--silent', '--fail', '--continue-at', '-', '--output', path, blobUrl(blob)], { environment })

      expect(sha256(await Bun.file(path).bytes())).toBe(blob.digest)
    },
    TEST_MS,
  )

  test(
    'a range request for a small blob and for a manifest gets the whole of it',
    async () => {
      const url = `${registry.url}/v2/ranges/manifests/latest`

      const config = await curl(blobUrl(image.config), '--header', 'Range: bytes=0-')
      const manifest = await curl(url, '--header', 'Range: bytes=0-', '--header', `Accept: ${ALL_MANIFEST_TYPES}`)

      expect(sha256(config.bytes)).toBe(image.config.digest)
      expect(manifest.headers).toMatch(/^HTTP\/1\.1 20[06] /)
      expect(sha256(manifest.bytes)).toBe(image.manifest.digest)
    },
    TEST_MS,
  )

  function blobUrl({ digest }: Content): string {
    return `${registry.url}/v2/ranges/blobs/${digest}`
  }

  async function curl(url: string, ...options: readonly string[]) {
    const [headers, body] = [folder.join(crypto.randomUUID()), folder.join(crypto.randomUUID())]
    const common = ['--silent', '--show-error', '--max-time', '20', '--dump-header', headers, '--output', body]
    await runToSuccess(['curl', ...common, ...options, url], { environment })
    return { headers: await Bun.file(headers).text(), bytes: await Bun.file(body).bytes() }
  }
})
