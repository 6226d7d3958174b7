import type { Config } from '../../config/config.ts'

/** Which storage a configuration has, as the end of a sentence. */
export function describeStorage({ storage: { driver } }: Config): string {
  switch (driver.kind) {
    case 'filesystem':
      return `the directory ${driver.rootDirectory}`
    case 'inmemory':
      return "this process's memory"
    case 's3':
      return `the bucket ${driver.bucket} at ${driver.endpoint ?? `S3 in ${driver.region}`}, below /${driver.rootDirectory.replace(/^\/+/, '')}`
  }
}
