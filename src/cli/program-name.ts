import { basename } from 'node:path'

/** What the program was called by. The image has it as `registry` too, for commands that were written for registry:2. */
export function programName(): 'berth' | 'registry' {
  return basename(process.argv0) === 'registry' ? 'registry' : 'berth'
}

/** The image has it as `htpasswd` too: that of registry:2 brought one. */
export function isCalledHtpasswd(): boolean {
  return basename(process.argv0) === 'htpasswd'
}
