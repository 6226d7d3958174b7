import { expect } from 'bun:test'
import { type Expected, error, inByteOrder, RegistryModel } from './model.ts'
import { expectAnswer, inTime } from './model-answers.ts'
import { BLOBS, type ModelBlob } from './model-content.ts'
import type { StepOf } from './model-steps.ts'
import type { RestartableRegistry } from './restartable-registry.ts'

export type RequestFields = Pick<RequestInit, 'headers' | 'body'>

/** A list as the model has it, and how the registry writes a page of it. */
export interface ExpectedList {
  readonly all: readonly string[]
  /** The answer where there is no such list. */
  readonly unknown: Expected | undefined
  bodyOf(page: readonly string[]): object
}

/** A registry and its model, and requests whose answers must be what the model says. */
export class ModelRequests {
  readonly model = new RegistryModel()
  readonly registry: RestartableRegistry

  constructor(registry: RestartableRegistry) {
    this.registry = registry
  }

  async send(method: string, path: string, fields: RequestFields = {}): Promise<Response> {
    return await inTime(this.registry.request(method, path, fields), `${method} ${path}`)
  }

  async expect(method: string, path: string, expected: Expected, fields: RequestFields = {}): Promise<void> {
    await expectAnswer(method, await this.send(method, path, fields), expected)
  }

  /** The blob that a step means. */
  blobIn(repository: string, { index, isPresent }: StepOf<'deleteBlob'>['blob']): ModelBlob {
    const digest = isPresent ? around(this.model.listBlobs(repository), index) : undefined
    return BLOBS.find((blob) => blob.digest === digest) ?? at(BLOBS, index)
  }

  /** Follows the pages to their end. Without `n` there is one. */
  async expectPages(
    path: string,
    { n, last }: { readonly n: string | undefined; readonly last: string | null },
    list: ExpectedList,
  ): Promise<void> {
    const query = [...(n === undefined ? [] : [`n=${n}`]), ...(last === null ? [] : [`last=${last}`])]
    const first = `${path}${query.length === 0 ? '' : '?'}${query.join('&')}`
    if (n === 'x' || n === '-1') return await this.expect('GET', first, error(400, 'PAGINATION_NUMBER_INVALID'))
    if (list.unknown !== undefined) return await this.expect('GET', first, list.unknown)
    const count = n === undefined ? list.all.length : Math.min(Number(n), 1000)
    let rest = list.all.filter((entry) => last === null || (entry !== last && inByteOrder([entry, last])[0] === last))
    for (let next: string | undefined = first; next !== undefined; ) {
      const page = rest.slice(0, count)
      const response = await this.send('GET', next)
      await expectAnswer('GET', response, { status: 200, body: list.bodyOf(page) })
      next = /^<(\/[^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
      rest = rest.slice(count)
      expect(next === undefined).toBe(count === 0 || rest.length === 0)
    }
  }
}

/** The index-th of what is there, as often around as it takes; undefined when there is nothing. */
export function around<Entry>(present: readonly Entry[], index: number): Entry | undefined {
  return present[index % Math.max(1, present.length)]
}

/** The answer to a client that has it already. */
export function notModified(whole: Expected): Expected {
  if (whole.status !== 200) return whole
  const { ETag, 'Docker-Content-Digest': digest } = whole.headers ?? {}
  return { status: 304, headers: { ETag, 'Docker-Content-Digest': digest, 'Content-Length': undefined } }
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

export function at<Entry>(list: readonly Entry[], index: number): Entry {
  const entry = list[index]
  if (entry === undefined) throw new Error(`there is no entry ${index}`)
  return entry
}
