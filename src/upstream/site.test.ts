import { expect, test } from 'bun:test'
import { mayKnowSecretsOf } from './site.ts'

test.each([
  ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
  ['https://quay.io', 'https://quay.io/v2/auth'],
  ['https://quay.io:8443', 'https://quay.io/v2/auth'],
  ['https://registry.gitlab.example.com', 'https://gitlab.example.com/jwt/auth'],
  ['https://example.co.uk', 'https://example.co.uk/token'],
  ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token'],
  ['http://localhost:5000', 'https://localhost/token'],
])('the password for %s may be shown to %s', (registry, realm) => {
  expect(mayKnowSecretsOf(new URL(registry), new URL(realm))).toBe(true)
})

test.each([
  ['https://registry-1.docker.io', 'https://auth.docker.io.example.com/token'],
  ['https://registry-1.docker.io', 'https://evildocker.io/token'],
  ['https://registry.example.com', 'http://registry.example.com/token'],
  ['https://example.co.uk', 'https://other.co.uk/token'],
  ['https://registry.com', 'https://other.com/token'],
  ['http://10.0.0.1:5000', 'http://11.0.0.1/token'],
  ['http://[::1]:5000', 'http://[::2]/token'],
  ['http://localhost:5000', 'ftp://localhost/token'],
])('the password for %s is not shown to %s', (registry, realm) => {
  expect(mayKnowSecretsOf(new URL(registry), new URL(realm))).toBe(false)
})
