import type { Bench } from './bench.ts'
import { blobGet } from './cases/blob-get.ts'
import { blobPush } from './cases/blob-push.ts'
import { collect, collectFast } from './cases/collect.ts'
import { deploy } from './cases/deploy.ts'
import { events } from './cases/events.ts'
import { imagePush } from './cases/image-push.ts'
import { inside } from './cases/inside.ts'
import { catalog, tagLists } from './cases/lists.ts'
import { manifests, manifestsWithPassword } from './cases/manifests.ts'
import { mirror } from './cases/mirror.ts'
import { objectStore } from './cases/object-store.ts'
import { page, search } from './cases/page.ts'
import { replicas } from './cases/replicas.ts'
import { retention, retentionOfMany } from './cases/retention.ts'
import { scrub } from './cases/scrub.ts'
import { start } from './cases/start.ts'
import { blobGetOverTls } from './cases/tls.ts'
import { latency, memory } from './cases/under-uploads.ts'

export interface BenchOptions {
  /** Bytes of a large blob. */
  readonly blobBytes: number
  /** Layers in the store from which garbage is collected. */
  readonly layers: number
  /** Repositories that `page` and `search` look at. */
  readonly repositories: number
  /** Images whose layers `inside` reads. */
  readonly images: number
}

export function allBenches({ blobBytes, layers, repositories, images }: BenchOptions): readonly Bench[] {
  return [
    blobGet(blobBytes),
    blobGetOverTls(blobBytes),
    blobPush(blobBytes),
    imagePush,
    manifests,
    // The ratios to docker-registry, which checks a bcrypt hash at each request.
    manifestsWithPassword(5, 50),
    manifestsWithPassword(10, 1000),
    tagLists,
    catalog,
    memory,
    latency,
    start,
    // A bucket is no faster than the store that it is in.
    objectStore(blobBytes / 4),
    mirror(blobBytes),
    collect(layers),
    collectFast(layers),
    scrub,
    retention,
    retentionOfMany,
    page(repositories),
    search(repositories),
    events(),
    deploy(),
    inside(images),
    replicas(blobBytes / 4),
  ]
}
