import type { RecipeLayer } from '../../images/create/create-image.ts'

/** One image to make and push. */
export interface PlannedImage {
  readonly name: string
  readonly base: string
  readonly layers: readonly RecipeLayer[]
  /** Undefined: as the command line has it. */
  readonly entrypoint?: readonly string[]
}
