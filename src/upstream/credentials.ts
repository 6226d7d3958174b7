/** What another registry is shown. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** Goes to the token server alone, which gives tokens for it (RFC 6749 section 6). */
  | { readonly kind: 'identity token'; readonly token: string }

/** Where credentials come from. */
export interface CredentialSource {
  /** Undefined: there are none. The same object as long as nothing has changed. Throws UpstreamFailure where they cannot be had. */
  find(): Promise<Credentials | undefined>
  /** The registry did not take them: `find` may give others from now on. */
  refused(): void
}

export const NO_CREDENTIALS: CredentialSource = { find: async () => undefined, refused: () => undefined }

/** As `docker login` and its helpers write them: an identity token has this in place of a name. */
export function credentialsOf(username: string, secret: string): Credentials {
  return username === '<token>' ? { kind: 'identity token', token: secret } : { kind: 'password', username, password: secret }
}

export function fixedCredentials(username: string, secret: string): CredentialSource {
  const credentials = credentialsOf(username, secret)
  return { find: async () => credentials, refused: () => undefined }
}

/** Undefined for what is not shown that way. */
export function basicOf(credentials: Credentials | undefined): string | undefined {
  if (credentials?.kind !== 'password') return undefined
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
}
