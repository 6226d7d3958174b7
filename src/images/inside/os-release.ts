import { shownText } from '../../oci/image/shown-text.ts'
import type { Distribution, Interest } from './told/found.ts'

const PATHS = ['etc/os-release', 'usr/lib/os-release']
const MOST_TEXT = 200

export const osRelease: Interest = {
  matches: (path) => PATHS.includes(path),
  mostBytes: 64 * 1024,
  read: (bytes) => {
    const distribution = parseOsRelease(new TextDecoder().decode(bytes))
    return distribution === undefined ? undefined : { distribution }
  },
}

/** Where an image may have it, the first one counts. */
export const OS_RELEASE_PATHS: readonly string[] = PATHS

/** Undefined where it names nothing. */
export function parseOsRelease(text: string): Distribution | undefined {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Z_0-9]+)=(.*)$/.exec(line.trim()) ?? []
    if (name !== undefined && value !== undefined) values.set(name, shownText(unquoted(value), MOST_TEXT))
  }
  const id = values.get('ID') || 'linux'
  const name = values.get('PRETTY_NAME') || values.get('NAME')
  if (name === undefined && !values.has('ID')) return undefined
  const version = values.get('VERSION_ID') || undefined
  return { id, version, name: name ?? [id, version].filter(Boolean).join(' ') }
}

/** As a shell reads it. */
function unquoted(value: string): string {
  const [, quote, inner] = /^(["'])(.*)\1$/.exec(value) ?? []
  if (quote === "'") return inner ?? ''
  return (inner ?? value).replace(/\\(.)/g, '$1')
}
