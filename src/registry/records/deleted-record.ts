import type { Actor } from '../../observe/actor.ts'
import { type Digest, findDigest } from '../../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { findTag, type Tag } from '../../oci/reference.ts'

/** A UUID of version 7: it begins with the time. */
export type RecordId = string & { readonly recordId: unique symbol }

/** What one deletion took, so that it can be brought back. */
export interface DeletedRecord extends Deleting {
  readonly id: RecordId
  /** When it was deleted, by the wall clock, in milliseconds. */
  readonly atMs: number
  /** Until then the collector leaves alone what only this deletion has set free. */
  readonly untilMs: number
}

/** What is about to be deleted. */
export interface Deleting {
  /** What the operation is called: 'manifest delete'. */
  readonly how: string
  readonly actor: Actor
  readonly repository: RepositoryName
  /** 'tag': the tags alone, and the manifest stays. */
  readonly kind: 'tag' | 'manifest'
  readonly digest: Digest
  readonly tags: readonly Tag[]
}

const VERSION = 1
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export function newRecordId(atMs: number): RecordId {
  return Bun.randomUUIDv7('hex', atMs) as RecordId
}

export function findRecordId(text: string): RecordId | undefined {
  return ID.test(text) ? (text as RecordId) : undefined
}

/** The time that an id begins with, in milliseconds. */
export function timeOf(id: RecordId): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** One JSON object, which an operator can read as well. */
export function bytesOfRecord({ atMs, untilMs, how, actor, repository, kind, digest, tags }: DeletedRecord): Uint8Array {
  const { name: by, address, requestId } = actor
  const times = { at: new Date(atMs).toISOString(), until: new Date(untilMs).toISOString() }
  const text = JSON.stringify({ version: VERSION, ...times, by, address, requestId, how, repository, kind, digest, tags })
  return new TextEncoder().encode(`${text}\n`)
}

/** Undefined when the file is not a record of this version: it may be damaged, or a later Berth may have written it. */
export function findRecord(id: RecordId, bytes: Uint8Array): DeletedRecord | undefined {
  const fields = fieldsIn(bytes)
  if (fields?.version !== VERSION) return undefined
  const { how, kind } = fields
  const [atMs, untilMs] = [Date.parse(textOf(fields.at)), Date.parse(textOf(fields.until))]
  const repository = findRepositoryName(textOf(fields.repository))
  const digest = findDigest(textOf(fields.digest))
  const tags = Array.isArray(fields.tags) ? fields.tags.map((tag: unknown) => findTag(textOf(tag))) : [undefined]
  if (!isEach(tags) || repository === undefined || digest === undefined) return undefined
  if (Number.isNaN(atMs) || Number.isNaN(untilMs) || (kind !== 'tag' && kind !== 'manifest')) return undefined
  const actor = { name: textIn(fields.by), address: textIn(fields.address), requestId: textIn(fields.requestId) }
  return { id, atMs, untilMs, how: textOf(how), actor, repository, kind, digest, tags }
}

function fieldsIn(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isFields(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isEach<Value>(values: readonly (Value | undefined)[]): values is readonly Value[] {
  return !values.includes(undefined)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
