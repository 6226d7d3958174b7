import { readFileSync, realpathSync } from 'node:fs'
import { contentOf, descriptorOf, type Image, jsonContent, sha256 } from './images.ts'
import { type MadeEntry, madeTar } from './made-tar.ts'
import { poll } from './processes.ts'
import { expectStatus, type RegistryClient } from './registry-client.ts'

const OCI = 'application/vnd.oci.image'

/** An image whose layers have these files, as gzip; a layer that is bytes stays as it is. */
export function imageOf(layers: readonly (readonly MadeEntry[] | Uint8Array)[], config: object = {}): Image {
  const archives = layers.map((layer) => (layer instanceof Uint8Array ? layer : Bun.gzipSync(madeTar(layer))))
  const contents = archives.map((bytes) => contentOf(`${OCI}.layer.v1.tar+gzip`, Buffer.from(bytes)))
  const made = jsonContent(`${OCI}.config.v1+json`, {
    ...{
      architecture: 'amd64',
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: archives.map((bytes) => sha256(bytes)) },
    },
  })
  const manifest = jsonContent(`${OCI}.manifest.v1+json`, {
    ...{ schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config: descriptorOf(made), layers: contents.map(descriptorOf) },
  })
  return { manifest, config: made, layers: contents }
}

export const OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'

/** A database of dpkg with these packages: `openssl 3.0.11-1`. */
export function dpkgStatus(...packages: readonly string[]): string {
  return packages
    .map((each) => {
      const [name, version] = each.split(' ')
      return `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`
    })
    .join('\n')
}

/** The first layer of a distribution, with these packages. */
export function debianLayer(...packages: readonly string[]): readonly MadeEntry[] {
  return [
    { path: 'usr/lib/os-release', bytes: OS_RELEASE },
    { path: 'etc/os-release', kind: 'symbolic link', target: '../usr/lib/os-release' },
    { path: 'var/lib/dpkg/status', bytes: dpkgStatus(...packages) },
  ]
}

/** A program of this machine, which needs libraries. */
export function programEntry(path: string): MadeEntry {
  return { path, bytes: readFileSync(realpathSync('/bin/sh')), mode: 0o755 }
}

/** Asks for the packages of an image until its layers are read: the registry waits for that for five seconds. */
export async function untilRead(
  client: Pick<RegistryClient, 'request'>,
  repository: string,
  tag: string,
  timeoutMs = 90_000,
): Promise<void> {
  await poll(`the layers of ${repository}:${tag} are read`, timeoutMs, async () => {
    const answer = await client.request('GET', `/api/v1/repositories/${repository}/packages?tag=${tag}`)
    return answer.status === 503 ? undefined : await expectStatus(answer, 200)
  })
}
