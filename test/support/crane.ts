import { buildGoProgram } from './go-program.ts'

/** Builds crane, or finds the one that was built; gives its path. */
export async function buildCrane(): Promise<string> {
  return await buildGoProgram('github.com/google/go-containerregistry/cmd/crane', 'v0.22.1')
}
