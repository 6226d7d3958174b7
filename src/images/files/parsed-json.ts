import { RegistryError } from '../../oci/errors.ts'
import { requireBounds } from '../../oci/manifest-bounds.ts'
import { ImageError } from '../image-error.ts'

/** Parses JSON of an archive or of a registry. Throws ImageError; nothing is made of it where it holds more than any image needs. */
export function parsedJson(bytes: Uint8Array, label: string): unknown {
  try {
    requireBounds(bytes)
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    if (cause instanceof RegistryError) throw new ImageError(`${label} holds more than any image needs`, { cause })
    throw new ImageError(`${label} is not JSON`, { cause })
  }
}

export function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : []
}
