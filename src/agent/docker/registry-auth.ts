import type { Json } from './docker.ts'

/** The header that tells a daemon what to show a registry. Without the signs that fill it up, daemons take it as none and say nothing. */
export function registryAuth(login: Json | undefined): Readonly<Record<string, string>> {
  if (login === undefined) return {}
  const encoded = Buffer.from(JSON.stringify(login)).toString('base64')
  return { 'x-registry-auth': encoded.replaceAll('+', '-').replaceAll('/', '_') }
}
