/** What a manifest names, as far as it tells what the manifest is. */
export interface NamedTypes {
  /** As the referrers API shows it. */
  readonly artifactType: string | undefined
  /** Media types of its layers, or of what an image index names. */
  readonly mediaTypes: readonly string[]
}

/** What a manifest is. */
export interface Kind {
  /** In words; undefined for an image, which needs none. */
  readonly words: string | undefined
  /** What takes it out of the registry. */
  readonly pulledBy: 'container clients' | 'helm' | 'artifact clients'
}

const HELM = 'application/vnd.cncf.helm.config.v1+json'
const BUILDKIT_CACHE = 'application/vnd.buildkit.cacheconfig.v0'

const BY_ARTIFACT_TYPE: Readonly<Record<string, string>> = {
  'application/vnd.dev.cosign.artifact.sig.v1+json': 'signature (cosign)',
  'application/vnd.dev.cosign.artifact.sbom.v1+json': 'SBOM (cosign)',
  'application/vnd.dev.sigstore.bundle.v0.3+json': 'signature (sigstore bundle)',
  'application/vnd.cncf.notary.signature': 'signature (notation)',
  'application/vnd.in-toto+json': 'attestation (in-toto)',
  'application/spdx+json': 'SBOM (SPDX)',
  'text/spdx': 'SBOM (SPDX)',
  'application/vnd.cyclonedx+json': 'SBOM (CycloneDX)',
  'application/vnd.cyclonedx': 'SBOM (CycloneDX)',
  [HELM]: 'Helm chart',
  'application/vnd.wasm.config.v0+json': 'WebAssembly module',
  [BUILDKIT_CACHE]: 'cache of BuildKit',
}

/** What has the config of an image, or none that says anything, and is something else by what it names. */
const BY_NAMED_TYPE: Readonly<Record<string, string>> = {
  'application/vnd.dev.cosign.simplesigning.v1+json': 'signature (cosign)',
  'application/vnd.dsse.envelope.v1+json': 'attestation (cosign)',
  'application/vnd.in-toto+json': 'attestation (in-toto)',
  'text/spdx+json': 'SBOM (SPDX)',
  'text/spdx': 'SBOM (SPDX)',
  'application/vnd.cyclonedx+json': 'SBOM (CycloneDX)',
  'application/vnd.cyclonedx+xml': 'SBOM (CycloneDX)',
  [BUILDKIT_CACHE]: 'cache of BuildKit',
}

const IMAGES = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
  'application/vnd.oci.empty.v1+json',
]

export function kindOf({ artifactType, mediaTypes }: NamedTypes): Kind {
  const isNamed = artifactType !== undefined && !IMAGES.includes(artifactType)
  const words =
    (isNamed ? artifactWords(artifactType) : undefined) ?? mediaTypes.map((type) => wordsIn(BY_NAMED_TYPE, type)).find(Boolean)
  if (words === undefined) return { words, pulledBy: 'container clients' }
  return { words, pulledBy: artifactType === HELM ? 'helm' : 'artifact clients' }
}

/** What an artifact type stands for: in words where it is a known one. Undefined for an image, which needs no word. */
export function artifactWords(artifactType: string | undefined): string | undefined {
  if (artifactType === undefined || IMAGES.includes(artifactType)) return undefined
  return wordsIn(BY_ARTIFACT_TYPE, artifactType) ?? artifactType
}

const PREDICATES: readonly (readonly [begin: string, words: string])[] = [
  ['https://spdx.dev/', 'SBOM (SPDX)'],
  ['https://cyclonedx.org/', 'SBOM (CycloneDX)'],
  ['https://slsa.dev/provenance/', 'provenance (SLSA)'],
  ['https://in-toto.io/attestation/vulns', 'vulnerabilities'],
]

/** What an attestation says, by the type of its predicate. */
export function predicateWords(type: string | undefined): string | undefined {
  if (type === undefined || type === '') return undefined
  return PREDICATES.find(([begin]) => type.startsWith(begin))?.[1] ?? type
}

function wordsIn(table: Readonly<Record<string, string>>, type: string): string | undefined {
  return Object.hasOwn(table, type) ? table[type] : undefined
}
