import type { Platform } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { objectIn, textsIn } from '../files/parsed-json.ts'

/** What an image is to be run with, beside what its base says. */
export interface ImageSettings {
  /** `NAME=value`. */
  readonly environment: readonly string[]
  readonly entrypoint: readonly string[] | undefined
  readonly command: readonly string[] | undefined
  readonly user: string | undefined
  readonly workingDirectory: string | undefined
  readonly labels: Readonly<Record<string, string>>
  /** `8080/tcp`. */
  readonly ports: readonly string[]
}

export interface ConfigOptions {
  /** The base's config; an empty object for none. */
  readonly base: Readonly<Record<string, unknown>>
  readonly settings: ImageSettings
  readonly platform: Platform
  readonly layers: readonly NewLayer[]
  readonly createdSeconds: number
}

export interface NewLayer {
  readonly diffId: Digest
  /** As the history tells it. */
  readonly by: string
}

/** image-spec config.md. What is in the base and not changed stays, also what is unknown here. The same parts give the same bytes. */
export function imageConfig({ base, settings, platform, layers, createdSeconds }: ConfigOptions): Uint8Array {
  const created = new Date(createdSeconds * 1000).toISOString().replace('.000Z', 'Z')
  const baseDiffIds = textsIn(objectIn(base.rootfs).diff_ids)
  const history = historyOf(base, baseDiffIds.length)
  const { created: _, architecture: __, os: ___, variant: ____, config, rootfs, history: _____, ...rest } = base
  const value = {
    ...{ created, ...platform, ...rest },
    config: runConfig(objectIn(config), settings),
    rootfs: { type: 'layers', diff_ids: [...baseDiffIds, ...layers.map(({ diffId }) => diffId)] },
    ...(history === undefined ? {} : { history: [...history, ...layers.map(({ by }) => ({ created, created_by: by }))] }),
  }
  return new TextEncoder().encode(JSON.stringify(value))
}

/** An entry point that is new makes nothing of the base's command, as in a Dockerfile. */
function runConfig(base: Readonly<Record<string, unknown>>, settings: ImageSettings): Readonly<Record<string, unknown>> {
  const { environment, entrypoint, command, user, workingDirectory, labels, ports } = settings
  const { Cmd: baseCommand, ...rest } = base
  const newCommand = command ?? (entrypoint === undefined ? baseCommand : undefined)
  return {
    ...rest,
    ...(environment.length === 0 ? {} : { Env: merged(textsIn(base.Env), environment) }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(newCommand === undefined ? {} : { Cmd: newCommand }),
    ...(user === undefined ? {} : { User: user }),
    ...(workingDirectory === undefined ? {} : { WorkingDir: workingDirectory }),
    ...(Object.keys(labels).length === 0 ? {} : { Labels: sorted({ ...objectIn(base.Labels), ...labels }) }),
    ...(ports.length === 0 ? {} : { ExposedPorts: sorted({ ...objectIn(base.ExposedPorts), ...fieldsOf(ports) }) }),
  }
}

/** A variable that is there gets the new value in its place. */
function merged(base: readonly string[], more: readonly string[]): readonly string[] {
  const variables = new Map<string, string>()
  for (const variable of [...base, ...more]) variables.set(variable.split('=', 1)[0] ?? '', variable)
  return [...variables.values()]
}

function fieldsOf(ports: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(ports.map((port) => [port, {}]))
}

function sorted(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** One step for each layer, or none at all: Docker does not take a history that counts other layers. */
function historyOf({ history }: Readonly<Record<string, unknown>>, layers: number): readonly unknown[] | undefined {
  const steps: readonly unknown[] = Array.isArray(history) ? history : []
  return steps.filter((step) => objectIn(step).empty_layer !== true).length === layers ? steps : undefined
}
