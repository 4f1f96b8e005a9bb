// What waits for something to happen is looked at again every two seconds, and shown where it changed.
'use strict'
const look = async () => {
  const shown = document.querySelector('[data-live]')
  if (!shown || shown.dataset.live === 'done') return
  try {
    const answer = await fetch(location.href, { credentials: 'same-origin', cache: 'no-store' })
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      for (const part of document.querySelectorAll('[data-part]')) {
        const now = page.querySelector(`[data-part="${part.dataset.part}"]`)
        if (now && now.outerHTML !== part.outerHTML) part.replaceWith(document.adoptNode(now))
      }
      const now = page.querySelector('[data-live]')
      if (now && now.innerHTML !== shown.innerHTML) {
        shown.replaceChildren(...now.childNodes)
        shown.className = now.className
      }
      if (now) shown.dataset.live = now.dataset.live
    }
  } catch {
    // The desk is away for a moment, as where it was started again.
  }
  setTimeout(look, 2000)
}
setTimeout(look, 1000)
