import { descriptorOf, type Image, jsonContent } from './images.ts'
import { expectStatus, type RegistryClient } from './registry-client.ts'

/** What the registry lab looks for, as Docker Hub had it: 60 repositories, and what the image of each says. */
const THRIFT: Readonly<Record<string, string>> = {
  thrift: 'Thrift is a framework for generating clients and servers in many languages',
  'evarga/thrift': 'This is a Docker image for Apache Thrift. Its goal is to be small',
  'randyabernethy/thrift-book': 'Companion container image for the Programmer\u2019s Guide',
  'whiteworld/thrift': '',
  'apache/thrift': 'Apache Thrift',
  'itzg/thrift': 'Provides the Apache Thrift generator tool',
  'thrift/thrift-compiler': 'Apache Thrift Compiler',
  'thrift/ubuntu': '',
  'zezuladp/thrift': '',
  'tools/idl': 'Compiles interfaces of Thrift',
}
const OTHERS = ['mongodb', 'mysql', 'postgres', 'redis', 'busybox'] as const

export const SEARCHED: Readonly<Record<string, string>> = {
  ...THRIFT,
  ...Object.fromEntries(
    OTHERS.flatMap((name) => [
      [`library/${name}`, `The official image of ${name}`],
      ...Array.from({ length: 9 }, (_, number) => [`user${number}/${name}`, `An image of ${name}, number ${number}`] as const),
    ]),
  ),
}

/** Pushes an image to each repository that says of itself what is told. */
export async function pushSearched(client: RegistryClient, images: Readonly<Record<string, string>> = SEARCHED): Promise<void> {
  for (const [name, description] of Object.entries(images)) {
    const image = imageThatSays(description)
    await client.pushBlob(name, image.config)
    await expectStatus(await client.putManifest(name, 'latest', image.manifest), 201)
  }
}

function imageThatSays(description: string): Image {
  const Labels = description === '' ? {} : { 'org.opencontainers.image.description': description }
  const config = jsonContent('application/vnd.oci.image.config.v1+json', {
    os: 'linux',
    architecture: 'amd64',
    config: { Labels },
  })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = jsonContent(mediaType, { schemaVersion: 2, mediaType, config: descriptorOf(config), layers: [] })
  return { config, layers: [], manifest }
}
