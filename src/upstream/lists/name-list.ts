import { findTag } from '../../oci/reference.ts'

/** Undefined for what is no list of tags. */
export function tagsIn(bytes: Uint8Array): readonly string[] | undefined {
  const tags = textsIn(bytes, 'tags')
  return tags?.every((tag) => findTag(tag) !== undefined) ? tags : undefined
}

/** A list of texts in a field of an object; registry:2 has null for an empty one. Undefined for what is none. */
export function textsIn(bytes: Uint8Array, field: 'tags' | 'repositories'): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    const object: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {}
    const texts = field in object ? (object[field] ?? []) : undefined
    return Array.isArray(texts) && texts.every((text) => typeof text === 'string') ? texts : undefined
  } catch {
    return undefined
  }
}
