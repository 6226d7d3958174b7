import { s3Section } from './object-store.ts'
import type { S3Place } from './s3-client.ts'

/** A bucket, and what is said about it beside where it is. */
export interface BucketData extends S3Place {
  /** Added to the driver's keys. */
  readonly section?: string
  readonly redirects?: boolean
}

/**
 * A config.yml that registry:2, registry:3 and Berth read alike: deletes are on, the port is a free one. The content is in a folder or
 * in a bucket, to which no client is sent. `more` is added.
 */
export function registryConfig(data: string | BucketData, more = ''): string {
  return `version: 0.1
log:
  level: info
storage:
${typeof data === 'string' ? `  filesystem:\n    rootdirectory: ${data}` : s3Section(data, data.section)}
  redirect:
    disable: ${typeof data === 'string' || data.redirects !== true}
  delete:
    enabled: true
http:
  addr: 127.0.0.1:0
  secret: shared-by-all-registries-of-a-test
${more}`
}
