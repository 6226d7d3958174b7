import { expect, test } from 'bun:test'
import { ImageError } from '../image-error.ts'
import { parseImportSource } from './import-source.ts'

test.each([
  ['https://harbor.example.com', 'harbor.example.com', false, undefined],
  ['http://localhost:5000/', 'localhost:5000', true, undefined],
  ['harbor.example.com:8443/team/base', 'harbor.example.com:8443', false, 'team/base'],
  ['docker.io/team', 'docker.io', false, 'team'],
  ['https://registry-1.docker.io', 'docker.io', false, undefined],
] as const)('%s is a registry', (text, registry, plainHttp, below) => {
  expect(parseImportSource(text)).toMatchObject({ registry, plainHttp, below: below as never })
})

test.each(['', 'https://', 'ftp://a', 'a b', 'https://user@a', 'harbor.example.com/Team', 'a?b=c'])('%p is none', (text) => {
  expect(() => parseImportSource(text)).toThrow(ImageError)
})
