import type { Metadata, Query } from './query.ts'

/** The same metadata, whose transactions are timed from the call to the commit: waiting for others is part of it. */
export function timedMetadata(metadata: Metadata, time: <Result>(run: () => Promise<Result>) => Promise<Result>): Metadata {
  return {
    read: metadata.read,
    revision: () => metadata.revision(),
    isRemote: metadata.isRemote ?? false,
    write: <Result>(operation: (query: Query) => Promise<Result>, within?: string) =>
      time(() => metadata.write(operation, within)),
    warm: metadata.warm,
  }
}
