// Keeps a page as it would be if it were loaded again, without loading it again: what somebody is writing stays.

'use strict'

/** How each part that changes was sent, before anything here touched it. */
const sent = new WeakMap()
const base = { now: 0, at: 0, factor: 0, next: null }
/** Up to where the page is, and up to where it should be; the first word from the demo brings it there. */
let shown = -1
let wanted = -1
let asked = false
let refreshing = false

const regions = (root) => root.querySelectorAll('[data-live]')
const keyed = (region) => region.children.length > 0 && [...region.children].every((child) => child.id)

function remember(region) {
  sent.set(region, region.innerHTML)
  for (const child of region.children) if (child.id) sent.set(child, child.outerHTML)
}

/** Labels have their colour as data: the page takes no style that stands in an attribute. */
function colour(root) {
  for (const label of root.querySelectorAll('[data-color]')) label.style.backgroundColor = `#${label.dataset.color}`
}

/** Puts in what is new and takes out what is gone; whatever stayed the same is not touched. */
function update(region, fresh) {
  if (sent.get(region) === fresh.innerHTML) return
  if (!keyed(region) || !keyed(fresh)) {
    const open = [...region.querySelectorAll('details')].map((fold) => fold.open)
    const html = fresh.innerHTML
    region.replaceChildren(...fresh.childNodes)
    region.querySelectorAll('details').forEach((fold, place) => (fold.open = open[place] ?? false))
    sent.set(region, html)
    colour(region)
    return
  }
  const html = fresh.innerHTML
  const ids = new Set([...fresh.children].map((child) => child.id))
  for (const child of [...region.children]) if (!ids.has(child.id)) child.remove()
  const old = new Map([...region.children].map((child) => [child.id, child]))
  const children = [...fresh.children].map((child) => {
    const before = old.get(child.id)
    const raw = child.outerHTML
    if (before && sent.get(before) === raw) return before
    const open = before ? [...before.querySelectorAll('details')].map((fold) => fold.open) : []
    child.querySelectorAll('details').forEach((fold, place) => (fold.open = open[place] ?? false))
    colour(child)
    child.classList.add('fresh')
    sent.set(child, raw)
    before?.replaceWith(child)
    return child
  })
  // What is where it was is not moved, so what has the focus in it keeps it.
  children.forEach((child, place) => {
    if (region.children[place] !== child) region.insertBefore(child, region.children[place] ?? null)
  })
  sent.set(region, html)
}

/** The chat shows its newest message, unless somebody looks at an older one. */
const messages = document.getElementById('messages')
let following = true
function follow() {
  if (following) messages.scrollTop = messages.scrollHeight
}
messages.addEventListener('scroll', () => {
  following = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 40
})
new ResizeObserver(follow).observe(messages)

async function refresh() {
  if (refreshing) return
  refreshing = true
  try {
    do {
      // Whatever was told before a page was asked for stands in it.
      const version = wanted
      asked = false
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      const focused = document.activeElement?.id
      for (const region of regions(document)) {
        const fresh = page.getElementById(region.id)
        if (fresh) update(region, fresh)
      }
      follow()
      if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true })
      shown = version
    } while (asked || shown < wanted)
  } catch {
    // The demo has ended, or ends; the line to it says so.
  } finally {
    refreshing = false
  }
}

function say(trouble) {
  const place = document.getElementById('trouble')
  place.textContent = trouble
  place.hidden = !trouble
  if (trouble) place.scrollIntoView({ block: 'nearest' })
}

/** Forms that leave the page as it is. */
document.addEventListener('submit', async (event) => {
  const form = event.target
  if (!('quiet' in form.dataset)) return
  event.preventDefault()
  const body = new URLSearchParams(new FormData(form))
  if (event.submitter?.name) body.set(event.submitter.name, event.submitter.value)
  try {
    // The page that it leads to is the one that is here.
    const answer = await fetch(form.action, { method: 'POST', body, redirect: 'manual' })
    if (answer.type === 'opaqueredirect') {
      say('')
      if ('once' in form.dataset) form.reset()
    } else {
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      say(page.querySelector('main .alert:not(#trouble)')?.textContent ?? 'That did not work.')
    }
    asked = true
    await refresh()
  } catch {
    say('The demo has ended.')
  }
})

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (number) => String(number).padStart(2, '0')

function tick() {
  if (!base.now) return
  // It stops where the desk has something to do, until that is done.
  const now = Math.min(base.now + (performance.now() - base.at) * base.factor, base.next ?? Infinity)
  const at = new Date(now)
  const text = `${weekdays[at.getUTCDay()]} ${at.getUTCDate()} ${months[at.getUTCMonth()]} ${at.getUTCFullYear()}, ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} UTC`
  const clock = document.getElementById('now')
  if (clock.textContent !== text) clock.textContent = text
}

regions(document).forEach(remember)
colour(document)
// On a small screen the row of people is pushed aside to whom one is.
const people = document.getElementById('people')
people.scrollLeft = (people.querySelector('[aria-pressed="true"]')?.getBoundingClientRect().left ?? 0) - 70
setInterval(tick, 100)

/** The line over which the demo tells what changes. A browser has six lines to one place, so a page that nobody sees lets go of its own. */
let line
let cut = 0

function listen() {
  line = new EventSource('/live')
  line.addEventListener('message', (event) => {
    const state = JSON.parse(event.data)
    Object.assign(base, { now: state.now, at: performance.now(), factor: state.factor, next: state.next })
    tick()
    wanted = Math.max(wanted, state.version)
    if (wanted > shown) {
      const said = document.getElementById('said')
      if (said.textContent !== state.said) said.textContent = state.said
      refresh()
    }
  })
  line.addEventListener('error', () => {
    // A browser tries again by itself; what is not there the second time is gone.
    cut += 1
    if (cut > 1 || line.readyState === EventSource.CLOSED) say('The demo has ended. Start it again in the terminal.')
    base.now = 0
  })
  line.addEventListener('open', () => {
    if (cut > 0) say('')
    cut = 0
  })
}

document.addEventListener('visibilitychange', () => {
  line.close()
  base.now = 0
  if (!document.hidden) listen()
})
listen()
