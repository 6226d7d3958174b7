import { shownUrl, WEBHOOK_FORMATS } from '../../../../registry/webhooks/webhook.ts'
import type { ShownWebhook } from '../../../../registry/webhooks/webhooks.ts'
import { findSpanMs } from '../../../../runtime/duration.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { invalid } from '../../../api/parameters.ts'
import { addedWebhook, answered, NEW_WEBHOOK, webhooksOf } from '../../../api/webhooks/webhooks.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { pageResponse, seeOther } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import { command } from '../../pull-commands.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { countText, timeOf } from '../../text/words.ts'
import { deliveriesOf } from './deliveries.ts'
import { afterForm, fieldsIn, rowForms, type Told, toldAbove, toldStatus, wordsIn } from './form.ts'

/** `GET /ui/-/webhooks`: the receivers of events, and how each takes them; `?of=ci` what was sent to one. */
export async function showWebhooks(call: Call<OwnPage>): Promise<PlainResponse> {
  return await webhooksScreen(call)
}

/** `POST /ui/-/webhooks`: one is added, tried, sent to again, or removed. */
export async function changeWebhooks(call: Call<OwnPage>): Promise<PlainResponse> {
  const webhooks = webhooksOf(call)
  const form = await readForm(call.request)
  const name = form.get('name') ?? ''
  const screen = (told: Told) => webhooksScreen(call, told)
  const site = siteOf(call)
  const change = async () => {
    switch (form.get('do')) {
      case 'add':
        return await screen({ said: await addFrom(call, form) })
      case 'test': {
        const { isTaken, answer } = await answered(() => webhooks.test(name, call.request.signal))
        return await screen({ said: html`<p>${name} ${isTaken ? 'takes it' : 'does not take it'}: <bdi>${answer}</bdi></p>` })
      }
      case 'aside':
        return await screen({ said: replayed(await answered(() => webhooks.replayAside(name))) })
      case 'since': {
        const spanMs = findSpanMs(form.get('since') ?? '')
        if (spanMs === undefined) throw invalid('since: is no duration, as in 2h')
        return await screen({ said: replayed(await answered(() => webhooks.replayFrom(name, Date.now() - spanMs))) })
      }
      case 'remove':
        await answered(() => webhooks.remove(name))
    }
    return seeOther(site, site.own('webhooks'))
  }
  return await afterForm(change, screen)
}

async function addFrom(call: Call<OwnPage>, form: URLSearchParams): Promise<Html> {
  const said = {
    ...{ name: form.get('name') ?? '', url: form.get('url') ?? '', format: form.get('format') ?? undefined },
    ...{ repositories: wordsIn(form.get('repositories')), tag: form.get('tag') || undefined, kinds: wordsIn(form.get('kinds')) },
  }
  const { name, secret } = await addedWebhook(call, fieldsIn(said, NEW_WEBHOOK))
  return html`<p>The secret that the requests to ${name} are signed with. It is not shown again.</p>${command(secret)}`
}

function replayed(events: number): Html {
  return html`<p>${countText(events, 'event is', 'events are')} looked at again.</p>`
}

async function webhooksScreen(call: Call<OwnPage>, told: Told = {}): Promise<PlainResponse> {
  const site = siteOf(call)
  const { webhooks, unreadable } = await webhooksOf(call).list()
  const of = webhooks.find(({ webhook }) => webhook.name === call.route.query.get('of'))
  const main = html`<h1>Webhooks</h1>
${toldAbove(told)}
${webhooks.length === 0 ? html`<p>Nothing is told of what happens here. A webhook is a receiver of events: a build server, a chat.</p>` : table(site, webhooks)}
${unreadable.map((name) => html`<p class="danger">The record of ${name} cannot be read: remove it and add it anew.</p>`)}
${of !== undefined && (await deliveriesOf(call, of.webhook.name))}
${addForm(site)}`
  return await pageResponse(site, { title: 'Webhooks', main }, { status: toldStatus(told) })
}

function table(site: Site, webhooks: readonly ShownWebhook[]): Html {
  const rows = webhooks.map((shown) => {
    const { webhook, failure, failingMs, waiting, aside } = shown
    const { name } = webhook
    const state = failure === undefined ? html`takes events` : html`takes none since ${timeOf(failingMs)}: <bdi>${failure}</bdi>`
    const counts = html`${waiting > 0 && html`, ${waiting} wait`}${aside > 0 && html`, ${aside} set aside`}`
    return html`<tr><td class="name"><a href="${site.own('webhooks', { of: name })}">${name}</a></td><td>${webhook.format}</td><td><bdi>${shownUrl(webhook)}</bdi></td><td>${eventsOf(webhook)}</td><td>${state}${counts}</td>${rowForms(name, formsOf(site, name))}</tr>
`
  })
  return html`<table class="rows"><thead><tr><th scope="col">Webhook</th><th scope="col">Format</th><th scope="col">Address</th><th scope="col">Events</th><th scope="col">State</th><th scope="col"><span class="unseen">Change</span></th></tr></thead><tbody>${rows}</tbody></table>`
}

function eventsOf({ repositories, tag, kinds }: ShownWebhook['webhook']): Html {
  const words = [
    ...(kinds ?? ['the usual kinds']),
    ...repositories.map((glob) => `in ${glob}`),
    ...(tag ? [`of tags ${tag.text}`] : []),
  ]
  return html`<bdi>${words.join(', ')}</bdi>`
}

function formsOf(site: Site, name: string): Html {
  const form = (what: string, fields: Html) =>
    html`<form class="text" method="post" action="${site.own('webhooks')}"><input type="hidden" name="do" value="${what}"><input type="hidden" name="name" value="${name}">${fields}</form>`
  return html`${form('test', html`<button>Send a test to ${name}</button>`)}
${form('aside', html`<button>Send what was set aside</button>`)}
${form('since', html`<label>Send again what happened since <input name="since" placeholder="2h" required maxlength="20" autocomplete="off"></label><button>Send again</button>`)}
${form('remove', html`<button class="danger">Remove ${name}</button>`)}`
}

function addForm(site: Site): Html {
  const field = (name: string, label: string, placeholder: string) =>
    html`<label>${label} <input name="${name}" placeholder="${placeholder}" maxlength="2000" autocomplete="off" autocapitalize="none" spellcheck="false"></label>`
  return html`<h2>Add a webhook</h2>
<form class="text" method="post" action="${site.own('webhooks')}"><input type="hidden" name="do" value="add">
<label>Name <input name="name" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
<label>Address <input name="url" type="url" required maxlength="2000" placeholder="https://ci.example.com/berth" autocomplete="off"></label>
<label>Format <select name="format">${WEBHOOK_FORMATS.map((format) => html`<option>${format}</option>`)}</select></label>
${field('repositories', 'Repositories, all when left empty', 'team/**')}
${field('tag', 'Tags, any when left empty', 'v*')}
${field('kinds', 'Kinds of events, the usual ones when left empty', 'manifest.push tag.move')}
<div class="buttons"><button>Add</button></div>
</form>`
}
