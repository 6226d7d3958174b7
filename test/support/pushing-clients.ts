import { blobsOf, type Image, makeImage } from './images.ts'
import { RegistryClient } from './registry-client.ts'

/** What a client was told of an image that it pushed. */
export interface Told {
  readonly repository: string
  readonly image: Image
  readonly status: number
  readonly text: string
}

/** One client, which pushes one small image after another to a repository of its own, until one is refused or it is told to end. */
export async function pushUntilRefused(url: string, number: number, told: Told[], signal: AbortSignal): Promise<void> {
  const client = new RegistryClient(url)
  for (let round = 0; !signal.aborted; round += 1) {
    const image = makeImage(`${number} ${round}`, { layers: 1 })
    const repository = `team/${number}`
    const outcome = await push(client, repository, `v${round}`, image)
    told.push({ repository, image, ...outcome })
    if (outcome.status !== 201) return
  }
}

/** An image with its blobs; gives the answer that ended it. */
export async function push(client: RegistryClient, repository: string, tag: string, image: Image) {
  for (const { digest, bytes } of blobsOf(image)) {
    const begun = await client.request('POST', `/v2/${repository}/blobs/uploads/`)
    if (begun.status !== 202) return { status: begun.status, text: await begun.text() }
    const closed = await client.closeUpload(begun.headers.get('location') ?? '', digest, bytes)
    if (closed.status !== 201) return { status: closed.status, text: await closed.text() }
  }
  const response = await client.putManifest(repository, tag, image.manifest)
  return { status: response.status, text: await response.text() }
}

/** What was acknowledged and cannot be pulled. */
export async function problemsOf(url: string, told: readonly Told[]): Promise<readonly string[]> {
  const client = new RegistryClient(url)
  const problems: string[] = []
  for (const { repository, image, status } of told) {
    if (status !== 201) continue
    const { status: got } = await client.getManifest(repository, image.manifest.digest)
    if (got !== 200) problems.push(`${repository}@${image.manifest.digest} answers ${got}`)
    for (const { digest, bytes } of blobsOf(image)) {
      const blob = await client.getBlob(repository, digest)
      if (!Buffer.from(await blob.bytes()).equals(Buffer.from(bytes))) problems.push(`${repository} lost ${digest}`)
    }
  }
  return problems
}
