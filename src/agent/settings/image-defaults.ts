import { isDeepStrictEqual } from 'node:util'
import { objectIn, textsIn } from '../../images/files/parsed-json.ts'
import type { Json } from '../docker/docker.ts'

/**
 * A container's config without what its image gave it, so that another image gives its own. What was set by hand to just what the image says
 * cannot be told from it, and goes too.
 */
export function withoutDefaults(config: Json, image: Json): Json {
  return withoutEmpty({
    ...config,
    ...commandOf(config, image),
    Env: without(textsIn(config.Env), textsIn(image.Env)),
    Labels: differing(config.Labels, image.Labels),
    ExposedPorts: differing(config.ExposedPorts, image.ExposedPorts),
    Volumes: differing(config.Volumes, image.Volumes),
    Healthcheck: differing(config.Healthcheck, image.Healthcheck),
    User: unlessSame(config.User, image.User),
    WorkingDir: withoutSlash(config.WorkingDir) === withoutSlash(image.WorkingDir) ? undefined : config.WorkingDir,
    StopSignal: unlessSame(config.StopSignal, image.StopSignal),
    Shell: unlessSame(config.Shell, image.Shell),
    ArgsEscaped: undefined,
    OnBuild: undefined,
  })
}

/** The image's command belongs to the image's entry point: another entry point never gets it. */
function commandOf(config: Json, image: Json): Json {
  const entrypoint = textsIn(config.Entrypoint)
  if (isDeepStrictEqual(entrypoint, textsIn(image.Entrypoint)))
    return { Entrypoint: undefined, Cmd: unlessSame(textsIn(config.Cmd), textsIn(image.Cmd)) }
  // An entry point that was taken away is told so; none at all would be the image's.
  return { Entrypoint: entrypoint.length === 0 ? [''] : entrypoint, Cmd: textsIn(config.Cmd) }
}

function unlessSame(value: unknown, other: unknown): unknown {
  return isDeepStrictEqual(value, other) ? undefined : value
}

function without(texts: readonly string[], gone: readonly string[]): readonly string[] | undefined {
  const left = texts.filter((text) => !gone.includes(text))
  return left.length === 0 ? undefined : left
}

/** What an object has that another one has not, or has otherwise. */
function differing(value: unknown, other: unknown): Json {
  const theirs = objectIn(other)
  return Object.fromEntries(Object.entries(objectIn(value)).filter(([name, own]) => !isDeepStrictEqual(own, theirs[name])))
}

function withoutSlash(value: unknown): string {
  return typeof value === 'string' ? value.replace(/\/+$/, '') : ''
}

/** The daemon takes what is not there as not said; an empty object would be said. */
function withoutEmpty(config: Json): Json {
  return Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined && value !== null && !isEmptyObject(value)),
  )
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
}
