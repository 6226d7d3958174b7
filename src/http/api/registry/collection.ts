import { SENTENCES } from '../../../registry/collect/collector-duty.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { parametersIn } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import type { CollectionRoute } from '../routes.ts'
import { timeOf } from '../shown.ts'
import { requireSeesAll } from './progress.ts'

/** What frees the bytes of manifests without a tag: the collector leaves these alone. */
const FREES_UNTAGGED = 'registry garbage-collect --delete-untagged'

/** Tells callers who may see all repositories what the last pass of the collector found. */
export async function getCollection({ registry, route, permit }: Call<CollectionRoute>): Promise<PlainResponse> {
  parametersIn(route.query, NO_WORDS)
  requireSeesAll(permit)
  const { atMs, waits, due, condemned, untagged } = (await registry.progress.collector()) ?? NO_PASS
  return jsonResponse({
    ...{ looked: timeOf(atMs), waits: waits ?? null, because: waits === undefined ? null : SENTENCES[waits] },
    ...{ due: due ?? null, condemned, untagged: untagged === undefined ? null : { ...untagged, frees: FREES_UNTAGGED } },
  })
}

const NO_PASS = { atMs: undefined, waits: undefined, due: undefined, condemned: { links: 0, manifests: 0 }, untagged: undefined }
