/** Why a file that the operator named could not be read, and what to do; to be read after `cannot be read: `. */
export function describeFileFailure(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file; correct the path, or mount it'
    case 'EISDIR':
      return 'it is a directory, as a mount makes one where the file on the host is not there'
    case 'EACCES':
    case 'EPERM':
      return `user ${process.getuid?.() ?? 'this'} may not; change its owner or its mode`
    default:
      return `the system says ${code === undefined ? 'no reason' : String(code)}`
  }
}
