import type { RegistryClient } from './registry-client.ts'

export interface SignedIn {
  readonly status: number
  /** The whole Set-Cookie header; '' where there was none. */
  readonly cookie: string
  readonly location: string | null
  /** What a browser sends from now on. */
  readonly headers: Readonly<Record<string, string>>
}

interface SignInRequest {
  readonly name: string
  readonly password: string
  readonly to?: string
  /** What a browser says of the form; left out, that it is of this host. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends the form of the page as a browser does. */
export async function signIn(client: RegistryClient, { name, password, to, headers }: SignInRequest): Promise<SignedIn> {
  const query = to === undefined ? '' : `?to=${encodeURIComponent(to)}`
  const response = await client.request('POST', `/ui/-/sign-in${query}`, {
    headers: { accept: 'text/html', ...(headers ?? { origin: new URL(client.url).origin }) },
    body: new URLSearchParams({ name, password }),
  })
  await response.bytes()
  const cookie = response.headers.get('set-cookie') ?? ''
  const pair = cookie.split(';', 1).join('')
  return {
    status: response.status,
    cookie,
    location: response.headers.get('location'),
    headers: { accept: 'text/html', cookie: pair },
  }
}
