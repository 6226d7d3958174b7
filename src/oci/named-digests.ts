import { type Digest, findDigest } from './digest.ts'

const DIGEST = /sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})(?![0-9a-f])/g

/**
 * Every digest that stands anywhere in the bytes of a manifest which nothing here understands: a Docker schema 1 manifest, an OCI artifact
 * manifest, or one of a kind to come. What it names must not be collected, and a digest too many does no harm.
 */
export function digestsIn(bytes: Uint8Array): readonly Digest[] {
  const text = new TextDecoder('utf-8').decode(bytes)
  const found = new Set<Digest>()
  for (const readable of [text, ...withoutEscapes(text)])
    for (const [match] of readable.matchAll(DIGEST)) {
      const digest = findDigest(match)
      if (digest !== undefined) found.add(digest)
    }
  return [...found]
}

/** JSON may write any letter of a digest as an escape. */
function withoutEscapes(text: string): readonly string[] {
  if (!text.includes('\\')) return []
  try {
    return [JSON.stringify(JSON.parse(text))]
  } catch {
    // It is no JSON, so that nothing in it is an escape.
    return []
  }
}
