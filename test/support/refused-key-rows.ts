const OTHER_DRIVER = 'use filesystem or s3 or s3aws or inmemory'

/** Each is refused as a setting that Berth does not have yet, with this advice. */
export const REFUSED_ROWS: readonly (readonly [section: string, advice: string, value?: unknown])[] = [
  ['log.hooks', 'take it out, and send mail from where the log is collected', [{ type: 'mail' }]],
  ...['storage.azure', 'storage.gcs', 'storage.oss', 'storage.swift'].map((driver) => [driver, OTHER_DRIVER] as const),
  ['middleware', 'take it out', { storage: [{ name: 'cloudfront', disabled: true }] }],
]
