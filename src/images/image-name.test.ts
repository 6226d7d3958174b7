import { expect, test } from 'bun:test'
import { imageNameText, parseImageName, parseTagName } from './image-name.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

test.each([
  ['alpine', 'docker.io/library/alpine:latest'],
  ['team/app', 'docker.io/team/app:latest'],
  ['docker.io/alpine:3', 'docker.io/library/alpine:3'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/team/app:v1', 'localhost:5000/team/app:v1'],
  ['registry.example.com/app', 'registry.example.com/app:latest'],
  ['[::1]:5000/app:v1', '[::1]:5000/app:v1'],
  [`host.example/app@${DIGEST}`, `host.example/app@${DIGEST}`],
  [`host.example/app:v1@${DIGEST}`, `host.example/app@${DIGEST}`],
])('the name %s is %s', (text, whole) => {
  expect(imageNameText(parseImageName(text))).toBe(whole)
})

test.each([
  '',
  ':v1',
  'App',
  'a b',
  'host.example/',
  'app:',
  'app@',
  'app@sha256:12',
  'a@b@c',
  'ho?st.example:1/app',
  'x.y:99999/app',
  'a:b:c',
])('%p is no name of an image', (text) => {
  expect(() => parseImageName(text)).toThrow('is no name of an image')
})

test('a digest is no name to push to', () => {
  expect(() => parseTagName(`host.example/app@${DIGEST}`)).toThrow('names a digest')
  expect(parseTagName('host.example/app').reference).toBe('latest' as never)
})
