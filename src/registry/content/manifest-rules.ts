import { RegistryError } from '../../oci/errors.ts'
import type { Manifest, ManifestReference } from '../../oci/manifest.ts'

/** A regular expression, matched in a time that grows no faster than the URL. */
export interface UrlPattern {
  test(url: string): boolean
}

/** Which manifests are taken, beyond those that are valid: what registry:2 calls validation and policy. */
export interface ManifestRules {
  /** What the URLs of layers that lie elsewhere must match, if anything is allowed, and must not match. */
  readonly urls: { readonly allow: readonly UrlPattern[]; readonly deny: readonly UrlPattern[] }
  /** Which children of an image index must be in the repository. */
  readonly requiredPlatforms: 'all' | 'none' | readonly { readonly architecture: string; readonly os: string }[]
  /** `image`, `plugin`. Empty: everything may be pushed. */
  readonly classes: readonly string[]
}

export const NO_RULES: ManifestRules = { urls: { allow: [], deny: [] }, requiredPlatforms: 'all', classes: [] }

/** The references, with those that may be absent by these rules marked so. Throws MANIFEST_INVALID and DENIED. */
export function applyRules(rules: ManifestRules, manifest: Manifest): readonly ManifestReference[] {
  requireClass(rules, manifest)
  for (const { role, descriptor, mayBeAbsent } of manifest.references) {
    if (role === 'layer' && mayBeAbsent) for (const url of descriptor.urls ?? []) requireUrl(rules, url)
  }
  return neededBy(rules, manifest)
}

/** The same of a manifest that was taken once. */
export function neededBy(rules: ManifestRules, manifest: Manifest): readonly ManifestReference[] {
  return manifest.references.map((reference) =>
    reference.role === 'child' && !isRequired(rules, reference) ? { ...reference, mayBeAbsent: true } : reference,
  )
}

const CLASSES: Readonly<Record<string, string>> = {
  'application/vnd.docker.container.image.v1+json': 'image',
  'application/vnd.oci.image.config.v1+json': 'image',
  'application/vnd.docker.plugin.v1+json': 'plugin',
}

/** What a manifest is shows in the type of its config; an image index is what its children are. */
function requireClass({ classes }: ManifestRules, { references }: Manifest): void {
  const config = references.find(({ role }) => role === 'config')?.descriptor
  if (classes.length === 0 || config === undefined) return
  const found = CLASSES[config.mediaType]
  if (found !== undefined && classes.includes(found)) return
  throw new RegistryError('DENIED', {
    message: `This registry takes no content of the type ${config.mediaType}; policy.repository.classes says what it takes.`,
  })
}

function requireUrl({ urls }: ManifestRules, url: string): void {
  if (isWebUrl(url) && isAllowed(urls, url)) return
  throw new RegistryError('MANIFEST_INVALID', {
    message: `A layer lies at ${url}, which this registry does not allow; validation.manifests.urls says what it allows.`,
    detail: { url },
  })
}

function isWebUrl(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.hash === ''
}

function isAllowed({ allow, deny }: ManifestRules['urls'], url: string): boolean {
  const matches = (pattern: UrlPattern) => pattern.test(url)
  return (allow.length === 0 || allow.some(matches)) && !deny.some(matches)
}

function isRequired({ requiredPlatforms }: ManifestRules, { descriptor: { platform } }: ManifestReference): boolean {
  if (requiredPlatforms === 'all') return true
  if (requiredPlatforms === 'none') return false
  return requiredPlatforms.some(({ architecture, os }) => platform?.architecture === architecture && platform.os === os)
}
