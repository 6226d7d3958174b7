import { expect, test } from 'bun:test'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ContainersTools } from '../support/containers-tools.ts'
import { expectExactly } from '../support/expect-exactly.ts'
import { writeImageDirectory } from '../support/image-directory.ts'
import { type Content, contentOf, descriptorOf, type Image, jsonContent, makeImage, sha256, sha512 } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { RegistryWriter } from '../support/registry-writer.ts'
import { describeWith } from '../support/requirements.ts'
import { SharedStore } from '../support/shared-store.ts'

const TEST_MS = 120_000
const SCHEMA1_CONFIG = 'compatibility:\n  schema1:\n    enabled: true\n'

type Shape = (image: Image) => Content

/** What careless tools write. The tags tell what is odd. */
const CARELESS_SHAPES: Readonly<Record<string, Shape>> = {
  'no-media-type': (image) => changed(image, { mediaType: undefined }),
  'empty-media-type': (image) => changed(image, { mediaType: '' }),
  'null-media-type': (image) => changed(image, { mediaType: null }),
  'no-layers': (image) => changed(image, { layers: undefined }),
  'null-layers': (image) => changed(image, { layers: null }),
  'null-annotations': (image) => changed(image, { annotations: null }),
  'null-manifests': (image) => changed(image, { manifests: null }),
  'null-subject': (image) => changed(image, { subject: null }),
  'layers-without-type': (image) =>
    changed(image, { layers: image.layers.map(({ digest, bytes }) => ({ digest, size: bytes.length })) }),
  'config-without-size': (image) =>
    changed(image, { config: { mediaType: image.config.mediaType, digest: image.config.digest } }),
  'config-of-another-size': (image) => changed(image, { config: { ...descriptorOf(image.config), size: 1 } }),
  indented: ({ manifest }) => contentOf(manifest.mediaType, utf8(`\n${JSON.stringify(parsed(manifest), null, 4)}\n\n`)),
}

/** What no tool should write, and what registry:2 does not look at. */
const STRANGE_SHAPES: Readonly<Record<string, Shape>> = {
  'negative-size': (image) => changed(image, { config: { ...descriptorOf(image.config), size: -1 } }),
  'largest-size': ({ manifest }) =>
    contentOf(manifest.mediaType, utf8(text(manifest).replace(/"size":\d+/, '"size":9223372036854775807'))),
  'subject-is-text': (image) => changed(image, { subject: 'none' }),
  'subject-of-unknown-algorithm': (image) => changed(image, { subject: { mediaType: 'none', digest: 'md5:0123', size: 1 } }),
  'artifact-type-is-a-number': (image) => changed(image, { artifactType: 1 }),
  'upper-case-names': ({ manifest }) =>
    contentOf(manifest.mediaType, utf8(text(manifest).replaceAll('"config":{', '"Config":{'))),
  'media-type-twice': ({ manifest }) => contentOf(manifest.mediaType, utf8(text(manifest).replace('{', '{"mediaType":"first",'))),
  'not-utf-8': (image) => {
    const { mediaType, bytes } = changed(image, { annotations: { author: '?' } })
    return contentOf(
      mediaType,
      bytes.map((byte) => (byte === '?'.charCodeAt(0) ? 0xff : byte)),
    )
  },
}

describeWith({ programs: [PEER_PROGRAM] }, 'What registry:2 leaves behind', () => {
  test(
    'a blob that was pushed by sha512 is served under that name and under its sha256',
    async () => {
      using store = new SharedStore()
      const bytes = new TextEncoder().encode('pushed by sha512')
      const image = makeImage('names a sha512 layer')
      const layer = { ...contentOf('application/vnd.oci.image.layer.v1.tar', bytes), digest: sha512(bytes) }
      const manifest = changed(image, { layers: [descriptorOf(layer)] })
      await store.throughPeer(async (writer) => {
        await writer.push('app', image, 'other')
        await writer.client.pushBlob('app', layer)
        await writer.putManifest('app', manifest, 'latest')
      })

      await store.throughTwoBerths(async (one, other) => {
        for (const { client } of [one, other]) {
          for (const digest of [sha512(bytes), sha256(bytes)]) {
            const got = await expectStatus(await client.getBlob('app', digest), 200)
            const headed = await expectStatus(await client.headBlob('app', digest), 200)
            expect(await got.text()).toBe('pushed by sha512')
            expect(headed.headers.get('content-length')).toBe(String(bytes.length))
          }
          await expectExactly(client.url, store.expected)
        }
        // The repository owns the layer under the name that the manifest gives it.
        await one.putManifest('app', changed(image, { layers: [descriptorOf(layer), descriptorOf(layer)] }), 'twice')
      })
      await store.expectThroughPeer()
    },
    TEST_MS,
  )

  test(
    'a link that is empty or broken counts as absent, harms nothing else, and is healed by a new push',
    async () => {
      using store = new SharedStore()
      const [image, unlinked, whole] = [makeImage('broken'), makeImage('unlinked'), makeImage('whole')]
      await store.throughPeer(async (writer) => {
        await writer.push('broken', image, 'empty', 'newline', 'words', 'good')
        await writer.push('broken', unlinked)
        await writer.push('whole', whole, 'latest')
      })
      const repository = store.path('repositories/broken')
      const [layer] = image.layers

      await truncate(join(repository, '_manifests/tags/empty/current/link'))
      await writeFile(join(repository, '_manifests/tags/newline/current/link'), `${image.manifest.digest}\n`)
      await writeFile(join(repository, '_manifests/tags/words/current/link'), 'not a digest')
      await truncate(join(repository, '_manifests/revisions', directoryOf(unlinked.manifest), 'link'))
      if (layer !== undefined) await truncate(join(repository, '_layers', directoryOf(layer), 'link'))
      for (const tag of ['empty', 'newline', 'words']) store.expected.tagDeleted('broken', tag)
      store.expected.manifestDeleted('broken', unlinked.manifest.digest)
      if (layer !== undefined) store.expected.blobDeleted('broken', layer.digest)

      await store.expectThroughBerth()
      await store.throughBerth(async (writer) => {
        await writer.push('broken', image, 'empty', 'newline', 'words')
        await writer.push('broken', unlinked)
      })
      await store.expectThroughBerth()
      await store.expectThroughPeer()
      await store.expectCollectable()
    },
    TEST_MS,
  )

  test(
    'an open upload is unknown to Berth, is no repository, and can be finished by registry:2 later',
    async () => {
      using store = new SharedStore()
      const blob = contentOf('application/octet-stream', new TextEncoder().encode('begun and finished'))
      let location = ''
      await store.throughPeer(async (writer) => {
        await writer.push('app', makeImage('app'), 'latest')
        const [app, open] = [await writer.client.startUpload('app'), await writer.client.startUpload('open')]
        await writer.client.appendUpload(app, blob.bytes.subarray(0, 5))
        location = await writer.client.appendUpload(open, blob.bytes.subarray(0, 5))
      })

      const { pathname, search } = new URL(location)
      await store.throughTwoBerths(async (one, other) => {
        for (const { client } of [one, other]) {
          for (const method of ['GET', 'PATCH', 'DELETE']) {
            const answer = await expectStatus(await client.request(method, pathname + search), 404)
            expect(await answer.json()).toMatchObject({ errors: [{ code: 'BLOB_UPLOAD_UNKNOWN' }] })
          }
        }
      })
      await store.expectThroughBerth()
      await store.throughPeer(async (writer) => {
        const next = await writer.client.appendUpload(pathname + search, blob.bytes.subarray(5))
        await expectStatus(await writer.client.closeUpload(next, blob.digest), 201)
        writer.expected.blobPushed('open', blob)
      })
      await store.expectThroughBerth()
      await store.expectCollectable()
    },
    TEST_MS,
  )

  for (const [kind, shapes] of Object.entries({ careless: CARELESS_SHAPES, strange: STRANGE_SHAPES })) {
    test(
      `${kind} manifests that registry:2 accepted are served as they are`,
      async () => {
        using store = new SharedStore()
        const image = makeImage('odd')
        await store.throughPeer(async (writer) => {
          await writer.push('app', image, 'usual')
          for (const [shape, write] of Object.entries(shapes)) await writer.putManifest('app', write(image), shape)
        })

        await store.expectThroughBerth()
        await store.expectThroughPeer()
        await store.expectCollectable()
      },
      TEST_MS,
    )
  }

  test(
    'names that are no repository, tag or digest are passed over',
    async () => {
      using store = new SharedStore()
      const image = makeImage('app')
      await store.throughPeer(async (writer) => await writer.push('team/app', image, 'latest'))
      const strange = [
        'repositories/.DS_Store',
        'repositories/team/app/.nfs0000000001',
        'repositories/team/app/_manifests/tags/.DS_Store',
        'repositories/team/app/_manifests/tags/latest/current/link.0190b0a4.tmp',
        'repositories/team/app/_manifests/revisions/sha256/readme.txt',
        `repositories/team/app/_manifests/revisions/${directoryOf(image.manifest)}/signatures/sha256/00/link`,
        'repositories/team/app/_layers/sha256/not-hex/link',
        'repositories/team/app/_layers/md5/0123/link',
        'repositories/team/_old/_manifests/tags/latest/current/link',
        'repositories/UPPER/_manifests/tags/latest/current/link',
        'repositories/with space/_manifests/tags/latest/current/link',
        'blobs/sha256/00/data.0190b0a4.tmp',
        'blobs/sha256/zz/zz/data',
        'blobs/lost+found/file',
      ]

      for (const path of strange) {
        await mkdir(join(store.path(path), '..'), { recursive: true })
        await writeFile(store.path(path), 'strange')
      }

      await store.expectThroughBerth()
    },
    TEST_MS,
  )
})

describeWith({ programs: [PEER_PROGRAM, 'skopeo'] }, 'An image of Docker schema 1', () => {
  test(
    'that registry:2 keeps is unknown to Berth, harms nothing else, and is still there for registry:2 afterwards',
    async () => {
      using store = new SharedStore()
      const tools = await ContainersTools.create(store.folder)
      const schema1Peer = { folder: store.folder, dataDirectory: store.dataDirectory, moreConfig: SCHEMA1_CONFIG }
      const source = store.folder.join('docker')
      const image = makeImage('schema 1', { format: 'docker' })
      await writeImageDirectory(source, image.manifest, [image])
      {
        await using peer = await startPeer(schema1Peer)
        const target = `docker://${peer.address}/app:schema1`
        await tools.run('skopeo', 'copy', '--dest-tls-verify=false', '--format', 'v2s1', `dir:${source}`, target)
        await new RegistryWriter(peer.url, store.expected).push('app', makeImage('usual'), 'usual')
      }

      await store.throughTwoBerths(async (one, other) => {
        for (const { client } of [one, other]) await expectStatus(await client.getManifest('app', 'schema1'), 404)
        await one.push('app', makeImage('pushed'), 'pushed')
        await other.push('other', makeImage('pushed'), 'pushed')
      })
      await store.expectThroughBerth()

      await using peer = await startPeer(schema1Peer)
      const raw = await tools.run('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${peer.address}/app:schema1`)
      expect(JSON.parse(raw).schemaVersion).toBe(1)
      const client = new RegistryClient(peer.url)
      for (const tag of ['usual', 'pushed']) await expectStatus(await client.getManifest('app', tag), 200)
    },
    TEST_MS,
  )
})

function changed({ manifest }: Image, fields: Readonly<Record<string, unknown>>): Content {
  return jsonContent(manifest.mediaType, { ...parsed(manifest), ...fields })
}

function parsed(manifest: Content): Readonly<Record<string, unknown>> {
  return JSON.parse(text(manifest))
}

function text({ bytes }: Content): string {
  return new TextDecoder().decode(bytes)
}

function utf8(written: string): Uint8Array {
  return new TextEncoder().encode(written)
}

function directoryOf({ digest }: Content): string {
  return digest.replace(':', '/')
}
