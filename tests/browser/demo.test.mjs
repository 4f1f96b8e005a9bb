// The demo to touch, as a person would: opening, answering, waiting, running out of time, stopping the desk and starting it again.

import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { NARROW, WIDE, eventually, test } from './harness.mjs'

const SIZES = { wide: WIDE, narrow: NARROW }

/** The demo with a page on it. */
async function demo(stage, size, options) {
  const running = stage.start(['demo', '--open', '--no-browser'])
  const [, address] = await running.says(/open +(http:\S+)/)
  const page = await stage.page(size, options)
  await page.goto(address)
  await page.getByRole('heading', { name: 'Issues' }).waitFor()
  return { running, page, address, issue: (number) => page.goto(`${address}/7x/exponential-support/issues/${number}`) }
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click()
const be = (page, login) => page.getByRole('navigation', { name: 'Act as' }).getByRole('button', { name: new RegExp(`^${login}\\b`) }).click()
/** The labels that the issue on this page has now. */
const labels = (page) => page.getByRole('group', { name: 'Labels' }).locator('.label').evaluateAll((all) => all.map((one) => one.firstChild.textContent))
const has = (page, ...wanted) =>
  eventually(async () => {
    const there = await labels(page)
    return wanted.every((part) => (part.startsWith('-') ? !there.some((name) => name.startsWith(part.slice(1))) : there.some((name) => name.startsWith(part))))
  }, `labels ${wanted.join(', ')}`)
const said = (page, text) => page.getByRole('log').getByText(text).first().waitFor()
const shows = (page, text) => page.locator('#timeline').getByText(text).first().waitFor()

for (const [width, size] of Object.entries(SIZES)) {
  test(`the_ninth_of_seven_waits_with_its_place_${width}`, async (stage) => {
    const { page, issue } = await demo(stage, size)
    await be(page, 'liv')
    await page.getByRole('link', { name: 'New issue' }).click()
    await stage.picture(page, `demo-${width}-new`)
    await press(page, 'Open, and write another')
    await page.getByLabel('Title').fill('The <b>eighth</b> & more')
    await press(page, 'Open, and write another')
    await press(page, 'Open issue')

    await page.getByRole('heading', { name: 'The API answers 500 for empty lists #12' }).waitFor()
    await has(page, 'tier: Silver', 'quota: waiting', '-due:', '-sla:')
    await shows(page, 'One ticket is ahead of it')
    await shows(page, '7 of 7')
    await shows(page, 'Monday 2026-11-23 00:00 UTC')
    await stage.accessible(page)
    await stage.picture(page, `demo-${width}-ninth`, { docs: width === 'wide' ? 'demo-ninth.png' : undefined })
    await issue(11)
    await page.getByRole('heading', { name: 'The <b>eighth</b> & more #11' }).waitFor()
    await shows(page, 'It is next in line')
    await issue(10)
    await has(page, 'tier: Silver', 'sla: 12h', 'due: 2026-11-23')
    await shows(page, 'Ticket 7 of 7')

    // Its slot opens with the week, by itself.
    await issue(12)
    await press(page, 'Pause')
    await eventually(async () => {
      if ((await labels(page)).includes('sla: 12h')) return true
      await press(page, /^Skip to/)
    })
    await has(page, 'sla: 12h', 'due: 2026-11-23', '-quota:')
    await shows(page, '@liv')
    await shows(page, 'Ticket 2 of 7')
  })

  test(`an_answer_changes_labels_and_comment_while_one_looks_${width}`, async (stage) => {
    const { page, issue } = await demo(stage, size)
    await press(page, 'Pause')
    await issue(8)
    await has(page, 'due: 2026-11-22 14:30 UTC', 'sla: 3h')
    await be(page, 'ann')
    await page.locator('#writer', { hasText: 'ann support engineer' }).waitFor()
    const why = page.locator('#timeline summary').first()
    await why.click()
    await page.getByLabel('Comment', { exact: true }).fill('On it: **the printer** queue is stuck, see `lp -s`.\n\n<img src=x onerror=alert(1)>')
    await press(page, 'Comment')
    await has(page, 'sla: met', '-due:')
    await shows(page, 'Answered by ann')
    assert.equal(await page.locator('#timeline strong', { hasText: 'the printer' }).count(), 1)
    assert.equal(await page.locator('#timeline img[src="x"]').count(), 0)
    assert.equal(await page.getByLabel('Comment', { exact: true }).inputValue(), '', 'what was sent is still in the form')
    await stage.accessible(page)
    await stage.picture(page, `demo-${width}-answered`)

    // Whoever closes may reopen; the partner may not.
    await press(page, 'Close as not planned')
    await page.locator('#issue').getByText('Closed as not planned').waitFor()
    await be(page, 'kenji')
    await eventually(async () => (await page.getByRole('button', { name: 'Reopen' }).count()) === 0)
    await page.getByLabel('Comment', { exact: true }).fill('/reopen')
    await press(page, 'Comment')
    await page.locator('#issue').getByText('Open', { exact: true }).first().waitFor()
  })

  test(`time_runs_out_and_the_chat_says_so_${width}`, async (stage) => {
    const { page } = await demo(stage, size)
    await press(page, 'Pause')
    await stage.picture(page, `demo-${width}-issues`)
    await stage.accessible(page)
    for (const step of ['Due soon (75%)', 'On-call (90%)', 'Breach (due)']) {
      await press(page, /^Skip to/)
      await said(page, step)
    }
    await page.locator('#issue-8').getByText('sla: breached').waitFor()
    // The newest message is the one that is seen.
    const below = await page.locator('#messages').evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight)
    assert.ok(below < 2, `${below} px of the chat are below what is seen`)
    await stage.picture(page, `demo-${width}-breached`, { docs: width === 'wide' ? 'demo.png' : undefined })
    await stage.accessible(page)
    await page.getByRole('log').getByRole('link', { name: 'Open the issue' }).first().click()
    await page.getByRole('heading', { name: /label printed.* #8/ }).waitFor()
    await has(page, 'sla: breached', '-sla: due soon')
  })

  test(`a_desk_that_was_stopped_catches_up_${width}`, async (stage) => {
    const { page, issue } = await demo(stage, size)
    await press(page, 'Stop the desk')
    await page.getByText('The desk is stopped').waitFor()
    await page.getByRole('link', { name: 'New issue' }).click()
    await page.getByLabel('Title').fill('Is anybody there?')
    await press(page, 'Open issue')
    await page.getByRole('heading', { name: 'Is anybody there? #10' }).waitFor()
    await page.getByText('One webhook reached nobody.').waitFor()
    await be(page, 'ben')
    await page.locator('#writer', { hasText: 'ben support engineer' }).waitFor()
    await press(page, '3600×')
    // Platinum's promise breaks meanwhile, and nobody says so.
    await eventually(async () => (await page.locator('#now').textContent()).match(/1[5-9]:\d\d UTC/))
    await press(page, 'Pause')
    assert.deepEqual(await labels(page), [])
    assert.equal(await page.locator('.message').count(), 0)
    await stage.picture(page, `demo-${width}-stopped`)
    await stage.accessible(page)

    await press(page, 'Start the desk')
    await page.getByText('The desk runs').waitFor()
    await has(page, 'tier: Silver', 'sla: 12h', 'due: ')
    await shows(page, 'Ticket 7 of 7')
    await eventually(async () => {
      if ((await page.getByRole('log').getByText(/The desk was down from 2026-11-22 1[34]:/).count()) > 0) return true
      await press(page, /^Skip to/)
    })
    await said(page, /Breached meanwhile: 1/)
    await stage.picture(page, `demo-${width}-recovered`)
    await issue(8)
    await has(page, 'sla: breached')
  })
}

test('a_label_that_is_taken_off_comes_back', async (stage) => {
  const { page, issue } = await demo(stage, WIDE)
  await be(page, 'ben')
  await issue(8)
  await page.getByRole('button', { name: 'Take off tier: Platinum' }).click()
  await shows(page, 'removed')
  await has(page, 'tier: Platinum')
  await eventually(async () => (await page.locator('.event', { hasText: 'partner-desk[bot]' }).filter({ hasText: 'tier: Platinum' }).count()) > 1)

  // The one label that means something when a person puts it on: after an answer it stops the clock of the next, and a word of the partner's starts it.
  await page.getByLabel('Add a label').selectOption('waiting: partner')
  await press(page, 'Add')
  await has(page, 'waiting: partner')
})

test('it_can_be_used_by_keyboard_alone_and_in_the_dark', async (stage) => {
  const { page } = await demo(stage, WIDE, { colorScheme: 'dark' })
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the issues')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'New issue')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'New issue' }).waitFor()
  await stage.accessible(page)
  await page.getByLabel('Title').press('Enter')
  await page.getByRole('heading', { name: /#10$/ }).waitFor()
  await has(page, 'due:')
  await stage.accessible(page)
  await stage.picture(page, 'demo-dark')
  // What has the focus keeps it while the page changes.
  await page.getByRole('button', { name: 'Pause' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('#pace-0[aria-pressed="true"]').waitFor()
  assert.equal(await page.evaluate('document.activeElement.id'), 'pace-0')
})

test('it_works_without_scripts', async (stage) => {
  const { page } = await demo(stage, NARROW, { javaScriptEnabled: false })
  await be(page, 'noor')
  await page.getByRole('link', { name: 'New issue' }).click()
  await press(page, 'Open issue')
  await page.getByRole('heading', { name: /#10$/ }).waitFor()
  await page.getByLabel('Comment', { exact: true }).fill('/quota')
  await press(page, 'Comment')
  await eventually(async () => {
    await page.reload()
    return (await page.getByText('2 of 2 tickets used').count()) > 0
  })
})

test('two_windows_see_the_same', async (stage) => {
  const { page, address } = await demo(stage, WIDE)
  const other = await stage.page(NARROW)
  await other.goto(address)
  await page.getByRole('link', { name: 'New issue' }).click()
  await page.getByLabel('Title').fill('Seen from elsewhere')
  await press(page, 'Open issue')
  await other.getByRole('link', { name: 'Seen from elsewhere' }).waitFor()
  await other.locator('#issue-10').getByText('tier: Silver').waitFor()
})

test('no_other_site_can_act_or_look', async (stage) => {
  const { page, address } = await demo(stage, WIDE)
  const evil = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html')
    answer.end(`<!doctype html><title>Evil</title><form method="post" action="${address}/7x/exponential-support/issues"><input name="title" value="Evil"><button>Go</button></form>
      <iframe src="${address}/"></iframe>`)
  })
  await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve))
  const other = await stage.page(WIDE, { expected: [/frame-ancestors|403|ERR_BLOCKED/] })
  await other.goto(`http://localhost:${evil.address().port}/`)
  await other.getByRole('button', { name: 'Go' }).click()
  await other.getByText("Only the demo's own pages may do this.").waitFor()
  evil.close()
  await page.reload()
  assert.equal(await page.getByText('Evil').count(), 0)
})

test('the_browser_opens_and_ctrl_c_ends_it', async (stage) => {
  const bin = join(stage.folder, 'bin')
  const opened = join(stage.folder, 'opened')
  mkdirSync(bin)
  writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\necho "$1" > '${opened}'\n`)
  chmodSync(join(bin, 'xdg-open'), 0o755)
  const running = stage.start(['demo', '--open', '--speed', '30s'], { PATH: `${bin}:/usr/bin:/bin`, DISPLAY: ':7' })
  const [, address] = await running.says(/open +(http:\S+)/)
  await running.says(/120 times as fast/)
  await eventually(() => existsSync(opened) && readFileSync(opened, 'utf8') === `${address}\n`, 'the browser')
  const page = await stage.page(WIDE, { expected: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|Failed to fetch|ERR_EMPTY/] })
  await page.goto(address)
  await page.getByRole('button', { name: '120×', pressed: true }).waitFor()
  const begun = performance.now()
  await running.stop('SIGINT')
  assert.ok(performance.now() - begun < 5000, 'it took long to end')
  assert.match(running.output, /Nothing is left behind/)
  await page.getByText('The demo has ended').waitFor()
})
