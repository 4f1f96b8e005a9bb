// A mail server that keeps what it is given and does what it is told, for the tests of mail.
//
// It speaks on three ports: `tls` from the first byte, `starttls` after STARTTLS, without which it takes no mail, and `plain`, which knows
// neither. Its first line on stdout names the ports; then each mail, each try and each order is a line of JSON. Orders come on stdin:
//
//   {"at": "mail", "code": 451, "text": "4.3.0 later"}     answers so from now on when that is reached: auth, mail, rcpt or data
//   {"at": "rcpt", "only": "ann@example.com", "code": 550, "text": "5.1.1 unknown"}     for this address alone
//   {"at": "data", "drop": true}                           takes the mail and hangs up in place of the answer
//   {"at": null}                                           does what it should again
//
// With its standard input it ends.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createInterface } from 'node:readline'

const packages = createRequire(join(process.env.PARTNER_DESK_NODE_PACKAGES, 'none'))
const { SMTPServer } = packages('smtp-server')
const { default: PostalMime } = await import(pathToFileURL(packages.resolve('postal-mime')))
const certificates = process.env.PARTNER_DESK_MAIL_CERTIFICATES
const tls = { key: readFileSync(join(certificates, 'server.key')), cert: readFileSync(join(certificates, 'server.pem')) }

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
let told = { at: null }
createInterface({ input: process.stdin }).on('line', (line) => { told = JSON.parse(line); say({ told }) }).on('close', () => process.exit())

function refusal(phase) {
  if (told.at !== phase || told.drop) return null
  return Object.assign(new Error(told.text), { responseCode: told.code })
}

function server(port, options) {
  const built = new SMTPServer({
    ...tls,
    logger: false,
    disableReverseLookup: true,
    authMethods: ['PLAIN', 'LOGIN'],
    onConnect: (session, next) => { say({ port, tried: 'connect' }); next() },
    onSecure: (socket, session, next) => { say({ port, tried: 'tls' }); next() },
    onAuth({ username, password }, session, next) {
      say({ port, tried: 'auth', secure: session.secure })
      if (username !== 'desk@example.com' || password !== 'very hush') return next(Object.assign(new Error('5.7.8 Bad password'), { responseCode: 535 }))
      return next(refusal('auth'), { user: username })
    },
    onMailFrom: (address, session, next) => { say({ port, tried: 'mail', secure: session.secure }); next(refusal('mail')) },
    onRcptTo: ({ address }, session, next) => next(told.only && told.only !== address ? null : refusal('rcpt')),
    async onData(stream, session, next) {
      const parts = []
      for await (const part of stream) parts.push(part)
      const raw = Buffer.concat(parts)
      const mail = await PostalMime.parse(raw)
      const { envelope, user, secure, hostNameAppearsAs: calls } = session
      const longest = Math.max(...raw.toString('latin1').split('\r\n').map((line) => line.length))
      const bare = /(^|[^\r])\n|\r(?!\n)/.test(raw.toString('latin1'))
      const ascii = raw.every((byte) => byte < 128)
      const { subject, from, to, messageId, inReplyTo, references, date, text, html } = mail
      const headers = Object.fromEntries(mail.headers.map(({ key, value }) => [key, value]))
      const dropped = told.at === 'data' && told.drop
      const refused = refusal('data')
      say({
        port, secure, user: user ?? null, calls, sender: envelope.mailFrom.address, recipients: envelope.rcptTo.map(({ address }) => address),
        subject, from, to, messageId, inReplyTo, references, date, text, html, headers, longest, bare, ascii,
        answer: dropped ? 'none' : refused ? 'refused' : 'taken',
      })
      if (dropped) {
        for (const connection of built.connections) if (connection.session.id === session.id) connection._socket.destroy()
        return
      }
      next(refused)
    },
    onError: () => {},
    ...options,
  })
  built.on('error', () => {})
  return new Promise((listening) => { const { server } = built; built.listen(0, '127.0.0.1', () => listening(server.address().port)) })
}

say({
  tls: await server('tls', { secure: true }),
  starttls: await server('starttls', {}),
  plain: await server('plain', { disabledCommands: ['STARTTLS', 'AUTH'], authOptional: true }),
})
