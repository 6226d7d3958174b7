import { SaxesParser } from 'saxes'

/** An element of an answer. Attributes say nothing that matters here. */
export interface XmlElement {
  readonly name: string
  /** Of the element itself, without that of the elements in it. */
  readonly text: string
  readonly children: readonly XmlElement[]
}

interface Open {
  readonly name: string
  text: string
  readonly children: XmlElement[]
}

/** The root of a document; undefined for what is no XML from its first to its last character, as an answer that was cut. */
export function parseXml(document: string): XmlElement | undefined {
  const parser = new SaxesParser({ position: false })
  const open: Open[] = [{ name: '', text: '', children: [] }]
  parser.on('opentag', ({ name }) => open.push({ name, text: '', children: [] }))
  const addText = (text: string) => {
    const inside = open.at(-1)
    if (inside !== undefined) inside.text += text
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => {
    const closed = open.pop()
    if (closed !== undefined) open.at(-1)?.children.push(closed)
  })
  try {
    parser.write(document).close()
  } catch {
    return undefined
  }
  return open[0]?.children[0]
}

/** The text of the first element of that name, at any depth. */
export function textOf(element: XmlElement | undefined, name: string): string | undefined {
  return elementsOf(element, name)[0]?.text
}

/** Every element of that name, at any depth, in the order of the document. */
export function elementsOf(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return (element?.children ?? []).flatMap((child) => (child.name === name ? [child] : elementsOf(child, name)))
}

export function encoded(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)
}
