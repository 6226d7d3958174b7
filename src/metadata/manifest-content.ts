import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Query } from './query.ts'

/** Larger manifests stay out of the database and are read from the storage. */
const MAX_BYTES_KEPT = 64 * 1024
/** Larger annotations lie beside the row. The migrations know both numbers. */
const MAX_ANNOTATIONS_IN_ROW = 64 * 1024
const PIECE_BYTES = 256 * 1024

export interface ManifestContent {
  readonly digest: Digest
  readonly bytes: Uint8Array
  readonly manifest: Manifest
}

/** Keeps what is known of a manifest's bytes, for every repository that holds it. */
export async function putManifestContent(query: Query, { digest, bytes, manifest }: ManifestContent): Promise<void> {
  const annotations = manifest.annotations === undefined ? undefined : JSON.stringify(manifest.annotations)
  const large = annotations === undefined ? undefined : largeText(annotations)
  await query.run(
    `INSERT INTO manifest_content (digest, media_type, size, artifact_type, annotations, annotation_bytes, bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
    digest,
    manifest.mediaType,
    bytes.length,
    manifest.artifactType ?? null,
    large === undefined ? (annotations ?? null) : null,
    large?.length ?? null,
    bytes.length > MAX_BYTES_KEPT ? null : bytes,
  )
  if (large !== undefined) await putPieces(query, digest, large)
}

/** Removes it when no repository holds the manifest any more. How many bytes that freed, about. */
export async function deleteUnheldContent(query: Query, digest: Digest): Promise<number> {
  const held = await query.get('SELECT 1 FROM manifest WHERE digest = ? AND held = 1 LIMIT 1', digest)
  if (held !== undefined) return 0
  const [row] = await query.all<{ bytes: number }>(
    `DELETE FROM manifest_content WHERE digest = ?
     RETURNING COALESCE(octet_length(bytes), 0) + COALESCE(annotation_bytes, octet_length(annotations), 0) AS bytes`,
    digest,
  )
  if (row === undefined) return 0
  await query.run('DELETE FROM annotation_piece WHERE digest = ?', digest)
  return row.bytes
}

/** Annotations that stand in the row of their manifest, as the text of a JSON object, passed on as it is. */
export async function findAnnotations(query: Query, manifest: Digest): Promise<string | undefined> {
  const row = await query.get<{ text: string | null }>(
    'SELECT annotations AS text FROM manifest_content WHERE digest = ?',
    manifest,
  )
  return row?.text ?? undefined
}

/** A piece of annotations that lie beside the row, numbered from 0. */
export async function findAnnotationPiece(query: Query, manifest: Digest, number: number): Promise<Uint8Array | undefined> {
  const row = await query.get<{ text: Uint8Array }>(
    'SELECT text FROM annotation_piece WHERE digest = ? AND number = ?',
    manifest,
    number,
  )
  return row?.text
}

function largeText(text: string): Uint8Array | undefined {
  const bytes = text.length * MOST_BYTES_OF_A_UNIT > MAX_ANNOTATIONS_IN_ROW ? Buffer.from(text) : undefined
  return bytes !== undefined && bytes.length > MAX_ANNOTATIONS_IN_ROW ? bytes : undefined
}

/** In UTF-8, of one of the 16-bit units that a text's length counts. */
const MOST_BYTES_OF_A_UNIT = 3

async function putPieces(query: Query, digest: Digest, text: Uint8Array): Promise<void> {
  if ((await findAnnotationPiece(query, digest, 0)) !== undefined) return
  for (let number = 0; number * PIECE_BYTES < text.length; number += 1) {
    const piece = text.subarray(number * PIECE_BYTES, (number + 1) * PIECE_BYTES)
    await query.run(
      'INSERT INTO annotation_piece (digest, number, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      digest,
      number,
      piece,
    )
  }
}
