import { makeImage, makeImageIndex } from './images.ts'
import type { RegistryWriter } from './registry-writer.ts'

/** Both formats, a manifest list of each, an image that refers to another, images without a tag, nested names, a mount. */
export async function pushOfEveryKind(writer: RegistryWriter): Promise<void> {
  const oci = makeImage('oci', { layers: 3 })
  const docker = makeImage('docker', { format: 'docker', layers: 3 })
  const variants = ['amd64', 'arm64'].map((architecture) => makeImage('variant', { architecture }))
  const dockerVariants = ['amd64', 'arm64'].map((architecture) => makeImage('variant', { architecture, format: 'docker' }))
  const signature = makeImage('signature', {
    subject: oci.manifest,
    artifactType: 'application/vnd.example.signature',
    layers: 1,
  })

  await writer.push('team/app', oci, 'latest', '1.0', 'V_1-0.rc')
  await writer.push('team/app', signature)
  await writer.push('team/app/docker', docker, 'latest')
  await writer.push('team', makeImageIndex(variants), 'multi')
  await writer.push('team', makeImageIndex(dockerVariants, 'docker'), 'multi-docker')
  await writer.push('one', makeImage('no layers', { layers: 0 }), 'empty')
  for (const blob of [oci.config, ...oci.layers]) await writer.mountBlob('mounted', blob, 'team/app')
  await writer.putManifest('mounted', oci.manifest, 'latest')
}

/** A new image, a tag that moves to it, a mount of what the other registry pushed before, and deletes of what it left. */
export async function takeTurn(writer: RegistryWriter, turn: string, previous: string | undefined): Promise<void> {
  const image = makeImage(turn)
  await writer.push('turns', image, 'latest', turn.replace(' ', '-'))
  await writer.push('turns', makeImage(`${turn} short-lived`), 'short-lived', `${turn.replace(' ', '-')}-short-lived`)
  if (previous === undefined) return
  const before = makeImage(previous)
  for (const blob of [before.config, ...before.layers]) await writer.mountBlob('mounts', blob, 'turns')
  await writer.putManifest('mounts', before.manifest, 'latest')
  await writer.deleteManifest('turns', makeImage(`${previous} short-lived`).manifest)
  await writer.putManifest('turns', before.manifest, 'previous')
}
