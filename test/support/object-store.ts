import { afterAll, beforeAll } from 'bun:test'
import { describeWith } from './requirements.ts'
import type { S3Place } from './s3-client.ts'
import { ObjectStore, STORE_PROGRAMS, type StoreKind } from './store-server.ts'

/** How long a start takes at most: what waits for one waits so long. */
export const STORE_START_MS = 150_000

/**
 * A suite that runs on each kind of store, each started once, ended with the last test, and told apart in the title. Where one is
 * missing, its suite is a visible skip, and on a build machine a failure.
 */
export function describeOnStores(
  title: string,
  body: (store: () => ObjectStore, kind: StoreKind) => void,
  kinds: readonly StoreKind[] = ['seaweedfs', 'versitygw'],
): void {
  for (const kind of kinds) {
    describeWith({ programs: [STORE_PROGRAMS[kind]] }, `${title}, on ${kind}`, () => {
      let store: ObjectStore | undefined
      beforeAll(async () => {
        store = await ObjectStore.start(kind)
      }, STORE_START_MS)
      body(() => {
        if (store === undefined) throw new Error('the store has not been started')
        return store
      }, kind)
      // After what the suite itself ends.
      afterAll(async () => await store?.[Symbol.asyncDispose]())
    })
  }
}

/** The section `storage` of a config.yml that registry:2, registry:3 and Berth read alike. `more` is added to the driver's keys. */
export function s3Section({ endpoint, region, accessKey, secretKey, bucket }: S3Place, more = ''): string {
  return `  s3:
    accesskey: ${accessKey}
    secretkey: ${secretKey}
    region: ${region}
    regionendpoint: ${endpoint}
    forcepathstyle: true
    bucket: ${bucket}
    secure: false
${more}`
}
