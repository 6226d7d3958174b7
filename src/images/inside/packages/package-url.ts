import type { Distribution, Package } from '../told/found.ts'

/** `pkg:deb/debian/bash@5.2.15-2?arch=amd64&distro=debian-12` (the purl specification). */
export function packageUrl(
  { type, name, version, architecture, source }: Package,
  distribution: Distribution | undefined,
): string {
  const parts = [`pkg:${type}`, ...namespaceOf(type, distribution), ...nameOf(type, name)].map((part, at) =>
    at === 0 ? part : encoded(part),
  )
  const ofDistribution = DISTRIBUTION_TYPES.includes(type)
  const qualifiers = Object.entries({
    arch: architecture,
    distro:
      ofDistribution && distribution !== undefined
        ? [distribution.id, distribution.version].filter(Boolean).join('-')
        : undefined,
    upstream: ofDistribution ? source : undefined,
  }).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${encoded(value)}`]))
  const query = qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`
  return `${parts.join('/')}${version === '' ? '' : `@${encoded(version)}`}${query}`
}

const DISTRIBUTION_TYPES: readonly string[] = ['deb', 'apk', 'rpm']

function namespaceOf(type: Package['type'], distribution: Distribution | undefined): readonly string[] {
  return DISTRIBUTION_TYPES.includes(type) && distribution !== undefined ? [distribution.id] : []
}

/** `@scope/name` and `example.com/module` have a namespace in their name. Python's names are one name in any spelling. */
function nameOf(type: Package['type'], name: string): readonly string[] {
  if (type === 'pypi') return [name.toLowerCase().replaceAll('_', '-')]
  return type === 'npm' || type === 'golang' ? name.split('/') : [name]
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':')
}
