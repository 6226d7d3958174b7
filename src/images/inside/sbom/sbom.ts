import type { Digest } from '../../../oci/digest.ts'
import { packageUrl } from '../packages/package-url.ts'
import type { Distribution, Package } from '../told/found.ts'

/** An image by its name, and what was found in it. */
export interface SbomSubject {
  readonly name: string
  readonly inside: {
    readonly descriptor: { readonly digest: Digest }
    readonly config: { readonly createdMs: number | undefined }
    readonly distribution: Distribution | undefined
    readonly packages: readonly Package[]
  }
  /** Which Berth wrote it. */
  readonly berthVersion: string
}

const READ_FROM_LAYERS = "Read from the image's layers by berth; the image's builder did not write it."

/** CycloneDX 1.6 as JSON. The same image gives the same text. */
export function cycloneDx({ name, inside, berthVersion }: SbomSubject): unknown {
  const { descriptor, distribution, packages } = inside
  const system =
    distribution === undefined
      ? []
      : [
          {
            ...{ type: 'operating-system', 'bom-ref': 'os', name: distribution.id, description: distribution.name },
            ...(distribution.version === undefined ? {} : { version: distribution.version }),
          },
        ]
  return {
    ...{ $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json', bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 },
    metadata: {
      tools: { components: [{ type: 'application', name: 'berth', version: berthVersion }] },
      component: { type: 'container', 'bom-ref': descriptor.digest, name, version: descriptor.digest },
      properties: [{ name: 'berth:origin', value: READ_FROM_LAYERS }],
    },
    components: [
      ...system,
      ...packages.map((each) => ({
        ...{
          type: 'library',
          'bom-ref': `${packageUrl(each, distribution)}#${each.path}`,
          name: each.name,
          version: each.version,
        },
        ...{ purl: packageUrl(each, distribution), properties: [{ name: 'berth:path', value: each.path }] },
      })),
    ],
  }
}

/** SPDX 2.3 as JSON. The same image gives the same text, so that its time is the image's own. */
export function spdx({ name, inside, berthVersion }: SbomSubject): unknown {
  const { descriptor, distribution, packages, config } = inside
  const created = new Date(config.createdMs ?? 0).toISOString().replace(/\.\d+Z$/, 'Z')
  const described = { SPDXID: 'SPDXRef-image', name, versionInfo: descriptor.digest, ...NOT_TOLD }
  const told = packages.map((each, at) => ({
    ...{ SPDXID: `SPDXRef-package-${at + 1}`, name: each.name, versionInfo: each.version, ...NOT_TOLD },
    sourceInfo: each.path,
    externalRefs: [
      { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: packageUrl(each, distribution) },
    ],
  }))
  const contains = (id: string) => ({ spdxElementId: described.SPDXID, relatedSpdxElement: id, relationshipType: 'CONTAINS' })
  return {
    ...{ spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0', SPDXID: 'SPDXRef-DOCUMENT', name, comment: READ_FROM_LAYERS },
    documentNamespace: `urn:berth:${descriptor.digest}`,
    creationInfo: { created, creators: [`Tool: berth-${berthVersion}`] },
    packages: [described, ...told],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relatedSpdxElement: described.SPDXID, relationshipType: 'DESCRIBES' },
      ...told.map(({ SPDXID }) => contains(SPDXID)),
    ],
  }
}

const NOT_TOLD = { downloadLocation: 'NOASSERTION', filesAnalyzed: false }
