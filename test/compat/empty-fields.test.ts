import { expect, test } from 'bun:test'
import { type Content, descriptorOf, jsonContent, makeImage } from '../support/images.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import type { RegistryWriter } from '../support/registry-writer.ts'
import { describeWith } from '../support/requirements.ts'
import { SharedStore } from '../support/shared-store.ts'

const TEST_MS = 120_000
const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json'
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const image = makeImage('subject')
const [config, layers] = [descriptorOf(image.config), image.layers.map(descriptorOf)]
const subject = descriptorOf(image.manifest)

/** Referrers as programs write them that leave no field out; each lacks something in a way that registry:2 and registry:3 take. */
const REFERRERS: readonly Content[] = [
  referrer({ mediaType: null }),
  referrer({ mediaType: '' }),
  referrer({ artifactType: null }),
  referrer({ artifactType: '' }),
  referrer({ annotations: null }),
  referrer({ annotations: { empty: '', none: null } }),
  referrer({ manifests: null }),
  referrer({ layers: [{ ...layers[0], urls: null, annotations: { none: null }, size: null, mediaType: null, platform: null }] }),
  referrer({ subject: { ...subject, mediaType: null, annotations: null, urls: null, artifactType: null, platform: null } }),
  jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: null, manifests: [], config: null, layers: null, subject }),
  jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ ...subject, platform: null }], subject }),
  jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: null, subject, annotations: { none: null } }),
]
/** Not a referrer: its subject is none. */
const WITHOUT_SUBJECT = [referrer({ subject: null }), referrer({ subject: '' })]

function referrer(fields: object): Content {
  return jsonContent(OCI_IMAGE, { schemaVersion: 2, mediaType: OCI_IMAGE, config, layers, subject, ...fields })
}

async function pushAll(writer: RegistryWriter): Promise<void> {
  await writer.push('app', image, 'latest')
  for (const manifest of [...REFERRERS, ...WITHOUT_SUBJECT]) {
    expect((await writer.client.putManifest('app', manifest.digest, manifest)).status).toBe(201)
  }
}

async function expectReferrers({ client }: RegistryWriter): Promise<void> {
  const response = await client.request('GET', `/v2/app/referrers/${image.manifest.digest}`)

  const { manifests } = (await response.json()) as { readonly manifests: readonly { readonly digest: string }[] }
  expect(manifests.map(({ digest }) => digest).sort()).toEqual(REFERRERS.map(({ digest }) => digest).sort())
}

describeWith({ programs: [PEER_PROGRAM] }, 'Referrers with null and empty fields', () => {
  test(
    'are listed after a takeover from registry:2',
    async () => {
      using store = new SharedStore()

      await store.throughPeer(pushAll)

      await store.throughBerth(expectReferrers)
    },
    TEST_MS,
  )

  test(
    'are taken, and listed also when the metadata is made again from the storage',
    async () => {
      using store = new SharedStore()

      await store.throughBerth(async (writer) => {
        await pushAll(writer)
        await expectReferrers(writer)
      })
      await store.deleteMetadata()

      await store.throughBerth(expectReferrers)
    },
    TEST_MS,
  )
})
