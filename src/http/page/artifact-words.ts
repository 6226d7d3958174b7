const KNOWN: readonly (readonly [type: string, words: string])[] = [
  ['application/vnd.dev.cosign.artifact.sig.v1+json', 'signature (cosign)'],
  ['application/vnd.dev.sigstore.bundle.v0.3+json', 'signature (sigstore bundle)'],
  ['application/vnd.cncf.notary.signature', 'signature (notation)'],
  ['application/vnd.in-toto+json', 'attestation (in-toto)'],
  ['application/spdx+json', 'SBOM (SPDX)'],
  ['text/spdx', 'SBOM (SPDX)'],
  ['application/vnd.cyclonedx+json', 'SBOM (CycloneDX)'],
  ['application/vnd.cyclonedx', 'SBOM (CycloneDX)'],
  ['application/vnd.cncf.helm.config.v1+json', 'Helm chart'],
  ['application/vnd.wasm.config.v0+json', 'WebAssembly module'],
  ['application/vnd.buildkit.cacheconfig.v0', 'cache of BuildKit'],
]
const IMAGES = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
  'application/vnd.oci.empty.v1+json',
]

/** What an artifact type stands for: in words where it is a known one. Undefined for an image, which needs no word. */
export function artifactWords(artifactType: string | undefined): string | undefined {
  if (artifactType === undefined || IMAGES.includes(artifactType)) return undefined
  return KNOWN.find(([type]) => type === artifactType)?.[1] ?? artifactType
}
