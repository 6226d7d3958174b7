import { RegistryError } from '../errors.ts'
import { requireBounds } from '../manifest-bounds.ts'
import { shownText } from './shown-text.ts'

/** Larger ones are not read. Docker takes none that is larger than a manifest may be. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024

/** What an image is to be run with, and how it was made (image-spec config.md). Texts are cut and without control characters. */
export interface ImageConfig {
  readonly createdMs: number | undefined
  /** `linux/arm64/v8`. */
  readonly platform: string | undefined
  readonly user: string
  readonly workingDirectory: string
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  /** `80/tcp` */
  readonly ports: readonly string[]
  /** Names of variables: their values may be secrets. */
  readonly environment: readonly string[]
  /** Where its programs are looked for, by the variable PATH; empty where it has none. */
  readonly programFolders: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** The oldest step first. */
  readonly history: readonly HistoryStep[]
}

export interface HistoryStep {
  readonly createdMs: number | undefined
  readonly by: string
  readonly comment: string
  /** It made no layer. */
  readonly isEmpty: boolean
}

const MAX_NAME = 200
const MAX_PLATFORM_PART = 50
const MAX_TEXT = 1_000
const MAX_WORDS = 100
const MAX_LABELS = 200
const MAX_STEPS = 300
/** Units of all texts of one config together, about. */
const MAX_ALL = 32_768

/** Undefined for what is no such config, or holds more than any image needs. What is wrong in a field leaves that field out. */
export function findImageConfig(bytes: Uint8Array): ImageConfig | undefined {
  const body = parseObject(bytes)
  if (body === undefined) return undefined
  const texts = new Texts()
  const run = objectIn(body.config)
  return {
    createdMs: timeIn(body.created),
    platform: platformText(body),
    user: texts.text(run.User, MAX_NAME),
    workingDirectory: texts.text(run.WorkingDir, MAX_TEXT),
    entrypoint: texts.list(run.Entrypoint),
    command: texts.list(run.Cmd),
    ports: texts.list(Object.keys(objectIn(run.ExposedPorts))),
    environment: texts.list(listIn(run.Env).map((variable) => String(variable).split('=', 1)[0])),
    programFolders: texts.list(programFoldersIn(listIn(run.Env))),
    labels: texts.labels(objectIn(run.Labels)),
    history: texts.steps(listIn(body.history)),
  }
}

function programFoldersIn(variables: readonly unknown[]): readonly string[] {
  const path = variables.map(textIn).find((variable) => variable.startsWith(SEARCH_PATH))
  return path === undefined ? [] : path.slice(SEARCH_PATH.length, MAX_TEXT).split(':')
}

const SEARCH_PATH = 'PATH='

/** Undefined where a part is not said, or is said to be unknown, as of BuildKit's attestations. */
export function platformText({ os, architecture, variant }: Readonly<Record<string, unknown>>): string | undefined {
  const [system, machine, kind] = [os, architecture, variant].map((part) => shownText(textIn(part), MAX_PLATFORM_PART))
  if (!system || !machine || system === 'unknown' || machine === 'unknown') return undefined
  return kind ? `${system}/${machine}/${kind}` : `${system}/${machine}`
}

/** A time of RFC 3339. Go writes the year 1 where there is none. */
export function timeIn(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length > MAX_TIME || !/^\d{4}-\d\d-\d\dT/.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) || ms < 0 ? undefined : ms
}

const MAX_TIME = 64

/** Takes texts until there are too many. */
class Texts {
  #left = MAX_ALL

  text(value: unknown, maxLength: number): string {
    const text = shownText(textIn(value), Math.min(maxLength, this.#left))
    this.#left -= text.length
    return text
  }

  list(value: unknown): readonly string[] {
    return listIn(value)
      .slice(0, MAX_WORDS)
      .map((word) => this.text(word, MAX_TEXT))
      .filter((word) => word !== '')
  }

  labels(labels: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
    const shown = Object.entries(labels)
      .slice(0, MAX_LABELS)
      .map(([name, value]) => [this.text(name, MAX_NAME), this.text(value, MAX_TEXT)] as const)
    return Object.fromEntries(shown.filter(([name]) => name !== '' && name !== '__proto__'))
  }

  steps(steps: readonly unknown[]): readonly HistoryStep[] {
    return steps
      .slice(0, MAX_STEPS)
      .map(objectIn)
      .map((step) => ({
        createdMs: timeIn(step.created),
        by: this.text(step.created_by, MAX_TEXT),
        comment: this.text(step.comment, MAX_NAME),
        isEmpty: step.empty_layer === true,
      }))
  }
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    // The bytes are looked at once before anything is made of them: a parser is slow with a million values, and with objects of many fields.
    requireBounds(bytes)
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isObject(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RegistryError) return undefined
    throw error
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {}
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
