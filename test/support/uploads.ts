import { expect } from 'bun:test'
import { header } from './answers.ts'
import { type Content, contentOf } from './images.ts'
import type { TestRegistry } from './registry.ts'

export const EMPTY = contentOf('application/octet-stream', new Uint8Array())
export const NOT_A_DIGEST = 'sha256:baddigeststring'

/** Content that no other test pushes, so that nothing is there already. */
let contents = 0
export function newContent(size = 3000): Content {
  contents += 1
  return contentOf('application/octet-stream', Buffer.from(`${contents} `.repeat(size).slice(0, size)))
}

export function part({ bytes }: Content, start: number, end: number) {
  return { body: bytes.slice(start, end), headers: { 'Content-Range': `${start}-${end - 1}` } }
}

export async function startUpload(registry: TestRegistry, repository = registry.newRepository(), query = ''): Promise<string> {
  return header(await registry.request('POST', `/v2/${repository}/blobs/uploads/${query}`), 'location') ?? ''
}

/** The repository of an upload's location. */
export function repositoryOf(location: string): string {
  return location.slice('/v2/'.length, location.indexOf('/blobs/uploads/'))
}

export async function expectBlob(registry: TestRegistry, repository: string, { digest, bytes }: Content): Promise<void> {
  const response = await registry.request('GET', `/v2/${repository}/blobs/${digest}`)
  expect(response.status).toBe(200)
  expect(new Uint8Array(await response.bytes())).toEqual(new Uint8Array(bytes))
}

export async function expectNoBlob(registry: TestRegistry, repository: string, digest: string): Promise<void> {
  expect((await registry.request('HEAD', `/v2/${repository}/blobs/${digest}`)).status).toBe(404)
}

export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 1000) controller.enqueue(bytes.slice(at, at + 1000))
      controller.close()
    },
  })
}
