/** A copy of more than a second says each second how far it is. */
export function withoutProgress(stderr: string): string {
  return stderr.replace(/^(?:looking whether .*|(?:blobs|repositories) \d+ %: .*)\n/gm, '')
}
