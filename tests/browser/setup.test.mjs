// The whole first run: from the link in the terminal to the first labelled issue, against the sandbox's GitHub.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NARROW, WIDE, eventually, test } from './harness.mjs'

async function firstRun(stage, size, prefix, options = {}) {
  const picture = (page, name) =>
    stage.picture(page, `${prefix}-${name}`, { docs: options.docs?.test(name) && `${prefix}-${name}.png` })
  const github = stage.start(['sandbox'])
  const [, url] = await github.says(/GITHUB_URL=(\S+)/)
  const [, issues] = await github.says(/issues: (\S+)/)
  const env = { PORT: '0', GITHUB_URL: url, GITHUB_API_URL: url }
  const desk = stage.start(['serve'], env)
  const [, link] = await desk.says(/(http:\/\/\S+\/setup\?token=\S+)/)
  const base = new URL(link).origin
  const page = await stage.page(size, options.page)

  await page.goto(base)
  await page.getByText('takes no webhooks').waitFor()
  await stage.accessible(page)

  await page.goto(link)
  assert.equal(page.url(), `${base}/setup`, 'the token is not left in the address')
  await stage.accessible(page)
  await page.getByLabel('its login').fill('acme')
  await picture(page, '1-owner')
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('heading', { name: 'Create the GitHub App' }).waitFor()
  await stage.accessible(page)
  await picture(page, '2-permissions')

  await page.getByRole('button', { name: 'Create the App at GitHub' }).click()
  await page.getByLabel('GitHub App name').fill('Acme Partner Desk')
  await page.getByRole('button', { name: 'Create GitHub App for acme' }).click()
  await page.getByRole('heading', { name: 'The App is made' }).waitFor()
  await page.getByText('first webhook…').waitFor()
  await stage.accessible(page)
  await picture(page, '3-made')

  // One that is left open shows by itself what happens.
  const watching = await page.context().newPage()
  await watching.goto(`${base}/setup`)
  await page.getByRole('link', { name: 'Install acme-partner-desk' }).click()
  await page.getByRole('button', { name: 'Install' }).click()
  await page.getByText('Webhooks arrive').waitFor()
  await watching.getByText('Webhooks arrive').waitFor()
  await stage.accessible(watching)
  await picture(page, '4-installed')

  writeFileSync(join(stage.folder, 'partners.csv'), 'partner,name,tier,logins\nacme-corp,Acme Corp,gold,alice\n')
  const imported = stage.start(['partner', 'import', 'partners.csv'], env)
  await imported.says(/acme-corp/)
  assert.equal(await imported.exit, 0, imported.output)

  await page.goto(issues)
  await page.getByLabel('Title').fill('Login fails after the update')
  await page.getByLabel('Text').fill('Since this morning nobody gets past the second step.')
  await page.getByRole('button', { name: 'Create issue' }).click()
  // A page that is loaded again before the form has gone off takes the form back.
  await page.waitForURL(/\/issues\/\d+$/)
  await eventually(async () => {
    await page.reload()
    const text = await page.textContent('main')
    return text.includes('tier: Gold') && text.includes('acme-partner-desk[bot]')
  })
  await picture(page, '5-issue')
  await watching.getByText('acme/support#1').waitFor()

  // Nothing is left to set up, and no secret was shown or logged.
  for (const secret of ['PRIVATE KEY', link.split('token=')[1]]) {
    assert.ok(!(await watching.content()).includes(secret))
    assert.equal(desk.output.split(secret).length, secret.startsWith('PRIVATE') ? 1 : 2, 'only the link itself is printed')
  }
  await desk.stop('SIGTERM')
  await github.stop('SIGTERM')
}

// As large as the documentation shows them.
const SHOWN = { width: 1000, height: 560 }

test('o3_from_the_link_to_the_first_labelled_issue', (stage) => firstRun(stage, SHOWN, 'setup', { docs: /./ }))

test('o3_the_same_on_a_telephone', (stage) => firstRun(stage, NARROW, 'setup-phone', { docs: /1|4/ }))

test('o3_the_same_in_the_dark', (stage) => firstRun(stage, WIDE, 'setup-dark', { page: { colorScheme: 'dark' } }))
