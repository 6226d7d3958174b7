import { emptyResponse, type HeaderFields, type PlainResponse } from '../answer/responses.ts'
import { type AssetNames, assetNames } from './assets.ts'
import type { Site } from './site.ts'
import { type Address, type Html, html } from './text/html.ts'

/** One screen, as it stands between the head and the foot of the page. */
export interface Screen {
  /** What the browser's tab and its history call it. */
  readonly title: string
  readonly main: Html
  /** What was searched for. */
  readonly searched?: string
  /** While the reader types a search, its results take the place of the screen. */
  readonly answersWhileTyping?: boolean
}

interface Answer {
  readonly status?: number
  readonly headers?: HeaderFields
}

/** The page with a screen in it. */
export async function pageResponse(
  site: Site,
  screen: Screen,
  { status = 200, headers = {} }: Answer = {},
): Promise<PlainResponse> {
  const text = `<!doctype html>\n${documentOf(site, screen, await assetNames())}`
  const body = new TextEncoder().encode(text)
  return {
    status,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': String(body.length),
      'Content-Security-Policy': POLICY,
      ...guardsOf(site),
      ...headers,
    },
    body,
  }
}

/** After a form has changed something: the screen that shows it, which can be loaded again without sending the form again. */
export function seeOther(site: Site, to: Address, headers: HeaderFields = {}): PlainResponse {
  return emptyResponse(303, { ...guardsOf(site), Location: to.toString(), ...headers })
}

/** What keeps an answer of the page from other sites, and from the disks of browsers where a login shows more than the public sees. */
export function guardsOf({ signIn }: Site): HeaderFields {
  return {
    'Cache-Control': signIn.kind === 'none' ? 'no-cache' : 'no-store',
    Vary: 'Accept, Cookie',
    'X-Content-Type-Options': 'nosniff',
    // A browser then sends the Origin of a form to this host, and no address to any other.
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  }
}

/** Only files of this host and the picture in the text, no code or style in the text, no text as HTML by a script, in no frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

function documentOf(site: Site, { title, main, searched = '', answersWhileTyping = false }: Screen, assets: AssetNames): Html {
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<title>${title === '' ? site.host : `${title} · ${site.host}`}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${ICON}
<link rel="stylesheet" href="${site.own(assets.style)}">
<script type="module" src="${site.own(assets.script)}"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="home" href="${site.repositories()}">${site.host}</a>
<form class="search" role="search" action="${site.repositories()}" ${answersWhileTyping && html`data-live="main"`}>
<input type="search" name="q" value="${searched}" maxlength="200" placeholder="Search repositories, digests" aria-label="Search repositories and digests" autocomplete="off" spellcheck="false"><kbd>/</kbd>
</form>
${loginOf(site)}
</header>
<main id="main" tabindex="-1">
${main}
</main>
<footer class="foot"><span>Berth</span> <a href="${site.own('activity')}">Activity</a> <a href="${site.own('deployments')}">Deployments</a> <a href="${site.own('space')}">Space</a> <a href="${site.api()}">API</a> <button type="button" class="plain scripted" data-keys>Keyboard <kbd>?</kbd></button></footer>
<p class="said" role="status" aria-live="polite"></p>
${KEYS}
</body>
</html>
`
}

function loginOf(site: Site): Html {
  if (site.caller !== undefined && site.signIn.kind === 'password')
    return html`<form class="login" method="post" action="${site.own('sign-out')}">${callerOf(site)} <button class="plain">Sign out</button></form>`
  if (site.caller !== undefined || site.signIn.kind === 'none') return html`<span class="login">${site.caller}</span>`
  return html`<nav class="login" aria-label="Account"><a href="${site.own('sign-in')}">Sign in</a></nav>`
}

/** The name of the caller leads to its account. */
function callerOf(site: Site): Html {
  const name = html`<span class="caller">${site.caller}</span>`
  const isUser = site.hasAccounts && site.caller?.startsWith('robot:') !== true
  return isUser ? html`<a href="${site.own('account')}">${name}</a>` : name
}

/** In the text itself, so that the first screen takes three requests. */
const ICON = html`<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%231c6fb8' d='M2 8h12l-2 6H4zM5 4h2v3H5zM8 2h2v5H8z'/%3E%3C/svg%3E">`

const KEYS = html`<dialog class="keys" aria-labelledby="keys-title">
<h2 id="keys-title">Keyboard</h2>
<dl>
<div><dt><kbd>/</kbd></dt><dd>Search</dd></div>
<div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>Next row, previous row</dd></div>
<div><dt><kbd>Enter</kbd></dt><dd>Open the row</dd></div>
<div><dt><kbd>c</kbd></dt><dd>Copy the pull command</dd></div>
<div><dt><kbd>?</kbd></dt><dd>This list</dd></div>
</dl>
<form method="dialog"><button>Close</button></form>
</dialog>`
