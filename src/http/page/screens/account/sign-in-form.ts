import type { RegistryError } from '../../../../oci/errors.ts'
import type { Screen } from '../../document.ts'
import { command } from '../../pull-commands.ts'
import type { Site } from '../../site.ts'
import { type Html, html } from '../../text/html.ts'

interface SignInWords {
  /** Where the reader goes on. */
  readonly to: string
  /** Why the reader is not signed in yet. */
  readonly error: RegistryError | undefined
}

/** The form for signing in, or why there is none. */
export function signInScreen(site: Site, words: SignInWords): Screen {
  return { title: 'Sign in', main: html`<h1>Sign in</h1>${mainOf(site, words)}` }
}

function mainOf(site: Site, { to, error }: SignInWords): Html {
  switch (site.signIn.kind) {
    case 'none':
      return html`<p>This registry asks nobody to sign in: every client may do everything.</p>`
    case 'elsewhere':
      return html`<p>This page cannot sign you in. Access to this registry is decided by the token server <code>${site.signIn.realm}</code>, which gives its tokens to clients of registries:</p>
<div class="box">${command(`docker login ${site.host}`)}</div>
<p>A program that has a token can ask <a href="${site.api()}">the API</a> for what this page would show.</p>`
    case 'password':
      return html`${error !== undefined && html`<p class="danger" role="alert">${error.message}</p>`}
<form class="sign-in" method="post" action="${site.own('sign-in', { to })}">
<label>Name <input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus></label>
<label>Password, or a robot's token <input name="password" type="password" autocomplete="current-password" required></label>
<button class="main">Sign in</button>
</form>`
  }
}
