import type { ImageFacts } from '../../../../oci/image/image-facts.ts'
import { type Html, html } from '../../text/html.ts'
import { known, shellWord, textOf } from '../../text/image-words.ts'
import { listText } from '../../text/words.ts'

const MOST_VARIABLES = 100
const MOST_PORTS = 40

/** What an image is run with, and the labels that its builder gave it. Undefined for an image index, whose images have configs of their own. */
export function configFacts(facts: ImageFacts | undefined): Html | undefined {
  if (facts?.config === undefined) return undefined
  const { entrypoint, command, user, workingDirectory, ports, environment, labels } = facts.config
  const line = (words: readonly string[]) => words.length > 0 && html`<code><bdi>${words.map(shellWord).join(' ')}</bdi></code>`
  const rows = known([
    ['Entry point', line(entrypoint)],
    ['Command', line(command)],
    ['User', user === '' ? html`root <span class="quiet">(it names none)</span>` : textOf(user)],
    ['Directory', textOf(workingDirectory)],
    ['Ports', textOf(listText(ports, MOST_PORTS))],
    ['Environment', variablesOf(environment)],
  ])
  const named = Object.entries(labels).map(([name, value]) => [name, textOf(value)] as const)
  return html`<h2>Config</h2>${rows}
${named.length > 0 && html`<h2>Labels</h2>${known(named, 'long')}`}`
}

function variablesOf(names: readonly string[]): Html | false {
  return (
    names.length > 0 &&
    html`<bdi>${listText(names, MOST_VARIABLES)}</bdi> <span class="quiet">(names; the values are in the config)</span>`
  )
}
