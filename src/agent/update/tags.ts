import { parseTagName } from '../../images/image-name.ts'
import type { Container, Docker } from '../docker/docker.ts'

/** The name on this machine stands for the image again that the old container runs: what is made by it next is what ran. */
export async function putTagBack(docker: Docker, old: Container, successor: Container): Promise<void> {
  if (old.image !== successor.image || old.imageId === successor.imageId) return
  const named = await docker.findImage(old.image)
  if (named?.id === successor.imageId) await tagAs(docker, old.imageId, old.image)
}

/** As `docker tag`. */
export async function tagAs(docker: Docker, imageId: string, name: string): Promise<void> {
  const { registry, repository, reference } = parseTagName(name)
  await docker.tagImage(imageId, `${registry}/${repository}`, reference)
}
