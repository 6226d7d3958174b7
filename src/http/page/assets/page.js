// What the page can do beside what its HTML does: answer while a search is typed, go on at the end of a list, copy, and be steered by keys.
// It makes no HTML: parts of other pages of this host come as documents, which the browser has parsed.

const WAIT_MS = 120
const SAID_MS = 2_000

document.documentElement.classList.add('scripts')

/**
 * Another page of this host, as a document.
 * @param {string} address
 * @param {AbortSignal} signal
 * @returns {Promise<Document | undefined>} Undefined where the page could not be had.
 */
function load(address, signal) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest()
    request.open('GET', address)
    request.responseType = 'document'
    request.setRequestHeader('Accept', 'text/html')
    request.onload = () => resolve(request.status === 200 ? (request.responseXML ?? undefined) : undefined)
    request.onerror = () => resolve(undefined)
    request.onabort = () => resolve(undefined)
    signal.addEventListener('abort', () => request.abort())
    request.send()
  })
}

/** @param {string} text */
function say(text) {
  const place = document.querySelector('.said')
  if (place === null) return
  place.textContent = text
  setTimeout(() => {
    if (place.textContent === text) place.textContent = ''
  }, SAID_MS)
}

/**
 * Over plain HTTP browsers have no clipboard for scripts, but for what is selected.
 * @param {string} text
 */
async function copy(text) {
  if (navigator.clipboard !== undefined) {
    await navigator.clipboard.writeText(text)
  } else {
    const focused = document.activeElement
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    document.execCommand('copy')
    area.remove()
    if (focused instanceof HTMLElement) focused.focus()
  }
  say(`Copied: ${text}`)
}

/** @param {Element} target */
function commandAt(target) {
  const row = target.closest('tr')?.querySelector('[data-reference]')
  const shown = [...document.querySelectorAll('.command')].find((line) => line.checkVisibility())
  const command = shown?.querySelector('code')?.textContent ?? undefined
  const reference = row?.getAttribute('data-reference') ?? undefined
  const own = shown?.getAttribute('data-reference') ?? undefined
  if (reference === undefined || own === undefined) return command
  return command?.replace(own, reference)
}

function rows() {
  return [...document.querySelectorAll('main tbody tr')].flatMap((row) => {
    const link = row.querySelector('a')
    return link === null ? [] : [link]
  })
}

/** @param {1 | -1} by */
function step(by) {
  const links = rows()
  const now = links.findIndex((link) => link.closest('tr')?.contains(document.activeElement))
  const next = now < 0 ? links.at(by === 1 ? 0 : -1) : links[now + by]
  next?.focus()
  next?.closest('tr')?.scrollIntoView({ block: 'nearest' })
}

/** @type {HTMLInputElement | null} */
const field = document.querySelector('.search input')
/** @type {HTMLDialogElement | null} */
const keys = document.querySelector('dialog.keys')

/** @type {Readonly<Record<string, () => void>>} */
const ACTIONS = {
  '/': () => {
    field?.focus()
    field?.select()
  },
  '?': () => keys?.showModal(),
  c: () => {
    const command = commandAt(document.activeElement ?? document.body)
    if (command !== undefined) void copy(command)
  },
  j: () => step(1),
  k: () => step(-1),
}

document.addEventListener('keydown', (event) => {
  const { target, key } = event
  if (event.ctrlKey || event.metaKey || event.altKey || keys?.open === true) return
  const isTyping = target instanceof HTMLInputElement && target.type !== 'radio'
  if (isTyping && key === 'Escape') target.blur()
  if (isTyping || !Object.hasOwn(ACTIONS, key)) return
  event.preventDefault()
  ACTIONS[key]?.()
})

document.addEventListener('click', ({ target }) => {
  if (!(target instanceof Element)) return
  if (target.closest('[data-keys]') !== null) keys?.showModal()
  const text = target.closest('[data-copy]')?.getAttribute('data-copy')
  if (text !== null && text !== undefined) void copy(text)
})

// A digest is shown by its first letters, and copied whole.
document.addEventListener('copy', (event) => {
  const selection = getSelection()
  const code = selection?.anchorNode?.parentElement?.closest('code[title]')
  const whole = code?.getAttribute('title')
  if (!code || !whole || selection?.toString().trim() !== code.textContent) return
  event.clipboardData?.setData('text/plain', whole)
  event.preventDefault()
})

// Which client the reader uses is remembered by the browser alone.
const CHOICE = 'berth-client'
document.addEventListener('change', ({ target }) => {
  if (target instanceof HTMLInputElement && target.name === 'client') localStorage.setItem(CHOICE, target.value)
})
for (const choice of document.querySelectorAll('input[name=client]')) {
  if (choice instanceof HTMLInputElement && choice.value === localStorage.getItem(CHOICE)) choice.checked = true
}

/** What is on its way for the form in which the reader types. */
let asking = new AbortController()
let timer = 0

/** @param {HTMLFormElement} form */
function addressOf(form) {
  const address = new URL(form.action)
  for (const [name, value] of new FormData(form)) {
    if (typeof value === 'string' && value.trim() !== '') address.searchParams.append(name, value.trim())
  }
  return address.href
}

/**
 * Puts what the form finds in the place that it names.
 * @param {HTMLFormElement} form
 */
async function answer(form) {
  asking.abort()
  asking = new AbortController()
  const { signal } = asking
  const address = addressOf(form)
  const found = await load(address, signal)
  const place = form.getAttribute('data-live') ?? ''
  const there = found?.getElementById(place)
  if (signal.aborted || !found || !there) return
  document.getElementById(place)?.replaceWith(document.adoptNode(there))
  document.title = found.title
  history.replaceState(undefined, '', address)
  watchEnd()
}

document.addEventListener('input', ({ target }) => {
  const form = target instanceof HTMLInputElement ? target.form : null
  if (!form?.hasAttribute('data-live')) return
  clearTimeout(timer)
  timer = setTimeout(() => void answer(form), WAIT_MS)
})

/** The end of a list that goes on brings its next page before the reader is there. */
const ends = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && target instanceof HTMLAnchorElement) void goOn(target)
    }
  },
  { rootMargin: '1200px' },
)

function watchEnd() {
  ends.disconnect()
  const next = document.querySelector('main a[rel=next]')
  if (next !== null) ends.observe(next)
}

/** @param {HTMLAnchorElement} next */
async function goOn(next) {
  ends.unobserve(next)
  const page = await load(next.href, asking.signal)
  const here = document.querySelector('main table.rows tbody')
  const there = page?.querySelector('main table.rows tbody')
  if (!page || !there || here === null || !next.isConnected) return
  here.append(...document.adoptNode(there).children)
  const after = page.querySelector('main a[rel=next]')
  if (after === null) next.closest('.more')?.remove()
  else next.replaceWith(document.adoptNode(after))
  watchEnd()
}

watchEnd()
