import type { Descriptor } from '../../../oci/descriptor.ts'
import type { HistoryStep } from '../../../oci/image/image-config.ts'

/** A step of a Dockerfile, with the layer that it made; or a layer of which no step is known. */
export interface Step {
  /** As in a Dockerfile; '' where it is not known. */
  readonly line: string
  /** Undefined: it made none. */
  readonly layer: Descriptor | undefined
}

/**
 * The steps that made an image, the first one first. Each step that made a layer goes with the next one of the manifest; where a builder has
 * written down more of them or fewer, it cannot be told which made which, and the layers stand alone.
 */
export function stepsOf(history: readonly HistoryStep[], layers: readonly Descriptor[]): readonly Step[] {
  const made = history.filter(({ isEmpty }) => !isEmpty)
  if (made.length !== layers.length) {
    const alone = layers.map((layer) => ({ line: '', layer }))
    return [...history.map(({ by }) => ({ line: dockerfileLine(by), layer: undefined })), ...alone]
  }
  const left = layers.values()
  return history.map(({ by, isEmpty }) => ({ line: dockerfileLine(by), layer: isEmpty ? undefined : left.next().value }))
}

const SHELL = /^(?:\/bin\/sh|\/bin\/bash|\/bin\/ash) -(?:\w*)c /

/** What a builder wrote of a step, as it stood in its Dockerfile: Docker and BuildKit each add words of their own. */
export function dockerfileLine(by: string): string {
  const plain = by.replace(/ ?# buildkit$/, '').replace(/^RUN (?=\/bin\/(?:ba|a)?sh -)/, '')
  const command = plain.replace(SHELL, '')
  if (command.startsWith('#(nop)')) return command.slice('#(nop)'.length).trim().replace(/ {2,}/g, ' ')
  if (command !== plain) return `RUN ${command}`.trim()
  const withArguments = /^(?:RUN )?(\|\d+ .*?)\/bin\/(?:ba|a)?sh -\w*c (.*)$/s.exec(plain)
  if (withArguments !== null) return `RUN ${withArguments[2]}`
  return plain
}
