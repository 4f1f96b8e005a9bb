// The browser tests, one after the other, told as `cargo test` tells its own. Started by tests/run; arguments are those that stand
// after `--` there: parts of names, `--skip PART`, `--exact`, `--list`.

import { readdirSync } from 'node:fs'
import { Stage, browser, closeBrowser, tests } from './harness.mjs'

const LONGEST_MS = 240_000

const filters = []
const skips = []
let list = false
let exact = false
const args = process.argv.slice(2)
for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
  if (arg === '--list') list = true
  else if (arg === '--exact') exact = true
  else if (arg === '--skip') skips.push(args.shift())
  else if (['--test-threads', '--logfile', '--format', '--color', '--shuffle-seed', '-Z'].includes(arg)) args.shift()
  else if (!arg.startsWith('-')) filters.push(arg)
}

for (const file of readdirSync(new URL('.', import.meta.url)).sort()) {
  if (file.endsWith('.test.mjs')) await tests.from(`browser::${file.replace('.test.mjs', '')}`, () => import(`./${file}`))
}
const fits = (name, part) => (exact ? name === part : name.includes(part))
const chosen = tests.all.filter(
  ({ name }) => (filters.length === 0 || filters.some((part) => fits(name, part))) && !skips.some((part) => fits(name, part))
)
if (list) {
  for (const { name } of chosen) console.log(`${name}: test`)
  process.exit(0)
}

const begun = performance.now()
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(2)
if (chosen.length > 0) console.log(`     Running tests/browser (Chromium ${(await browser()).version()})`)
console.log(`\nrunning ${chosen.length} browser tests`)
const failures = []
for (const { name, play } of chosen) {
  const start = performance.now()
  const stage = new Stage(name)
  let late
  try {
    const limit = new Promise((_, reject) => {
      late = setTimeout(() => reject(new Error(`not over after ${LONGEST_MS / 1000} s`)), LONGEST_MS)
    })
    await Promise.race([play(stage), limit])
    await stage.end()
    console.log(`test ${name} ... ok (${seconds(start)}s)`)
  } catch (error) {
    console.log(`test ${name} ... FAILED`)
    failures.push({ name, told: `${error.stack ?? error}\n${await stage.breakDown()}` })
  } finally {
    clearTimeout(late)
  }
}
await closeBrowser()
for (const { name, told } of failures) console.log(`\n---- ${name} ----\n${told}`)
const [passed, failed] = [chosen.length - failures.length, failures.length]
const word = failed ? 'FAILED' : 'ok'
console.log(
  `\ntest result: ${word}. ${passed} passed; ${failed} failed; ${tests.all.length - chosen.length} filtered out; browser tests finished in ${seconds(begun)}s\n`
)
process.exit(failed ? 1 : 0)
