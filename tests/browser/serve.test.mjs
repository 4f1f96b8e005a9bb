// `serve` as it stands at its address in a browser.

import assert from 'node:assert/strict'
import { NARROW, test } from './harness.mjs'

test('the_front_page_says_what_is_missing', async (stage) => {
  const desk = stage.start(['serve'], { PORT: '0' })
  const [, address] = await desk.says(/listening.*address=(\S+)/)
  const page = await stage.page(NARROW)
  const answer = await page.goto(`http://${address}/`)
  assert.equal(answer.status(), 200)
  await page.getByText('takes no webhooks').waitFor()
  await stage.picture(page, 'serve-front')
  await desk.stop('SIGTERM')
})
