import { expect, test } from 'bun:test'
import { elementsOf, encoded, parseXml, textOf } from './xml.ts'

const LIST = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>bucket</Name>
  <Contents><Key>a &amp; b&#xD;&#10; &lt;c&gt; </Key><Size>12</Size><Owner><ID>me</ID></Owner></Contents>
  <Contents><Key><![CDATA[<d>]]></Key><Size/></Contents>
</ListBucketResult>`

test('elements are found at any depth, with the text that their entities stand for', () => {
  const root = parseXml(LIST)

  expect(root?.name).toBe('ListBucketResult')
  expect(elementsOf(root, 'Contents').map((entry) => [textOf(entry, 'Key'), textOf(entry, 'Size')])).toEqual([
    ['a & b\r\n <c> ', '12'],
    ['<d>', ''],
  ])
  expect(textOf(root, 'ID')).toBe('me')
  expect(textOf(root, 'Absent')).toBeUndefined()
})

test.each([
  ['is cut', LIST.slice(0, -20)],
  ['is a page of a proxy', '<html><body>Bad Gateway<br></body></html>'],
  ['is empty', ''],
  ['is no XML', 'slow down'],
  ['goes on after its end', '<a/><b/>'],
  ['names an entity of its own', '<!DOCTYPE a [<!ENTITY e "eeee">]><a>&e;</a>'],
  ['names a character that there is not', '<a>&#x110000;</a>'],
])('a document that %s is none', (_, document) => {
  expect(parseXml(document)).toBeUndefined()
})

test('text is encoded so that it is read as it was', () => {
  const text = `"a" & <b>`

  expect(parseXml(`<x>${encoded(text)}</x>`)?.text).toBe(text)
})
