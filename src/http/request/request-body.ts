import { ManifestBounds } from '../../oci/manifest-bounds.ts'
import { restAfterSmallChunk } from '../../registry/rest.ts'
import { Turns } from '../../registry/uploads/turns.ts'
import { Refusal } from '../answer/error-response.ts'
import { contentLength } from './incoming-chunk.ts'

/** What images have in place of this is a hundredth of it. */
const LARGEST_WITHOUT_TURNS = 64 * 1024

/** Large manifests that arrive together are copied and counted in turns. */
const turns = new Turns()

/**
 * The whole body of a manifest push. Throws 413 as soon as more than `maxBytes` are announced or have come (end-7), and MANIFEST_INVALID as
 * soon as it holds more than a manifest may.
 */
export async function readManifest(request: Request, maxBytes: number): Promise<Uint8Array> {
  if ((contentLength(request.headers) ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const chunks: Uint8Array[] = []
  const deadline = performance.now() + LONGEST_MS
  const bounds = new ManifestBounds()
  let size = 0
  // Leaving the loop by a throw cancels the body; Bun reads and drops the rest, so that the client sees the answer.
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    if (performance.now() > deadline) throw tooLate()
    bounds.count(chunk)
    chunks.push(chunk)
    if (size > LARGEST_WITHOUT_TURNS) await turns.pass(chunk.length, () => true)
    await restAfterSmallChunk(chunk.length)
  }
  return Buffer.concat(chunks, size)
}

/** A manifest is small by nature: the largest one takes a line of 7 KB a second so long. */
const LONGEST_MS = 10 * 60_000

function tooLate(): Refusal {
  return new Refusal('MANIFEST_INVALID', {
    status: 408,
    message: `The manifest has not arrived within ${LONGEST_MS / 60_000} minutes; send it again over a faster connection.`,
    headers: { Connection: 'close' },
  })
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('MANIFEST_INVALID', {
    status: 413,
    message: `The manifest is larger than ${maxBytes / (1024 * 1024)} MiB; put the content into blobs that the manifest names.`,
    detail: { maxBytes },
  })
}
