import t from 'tap'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { mailboxesOnDovecot } from '../support/mailboxes-on-dovecot.ts'

const sarah = 'sarah@acme.test'
const written = { to: [{ address: 'mia@client.test' }], subject: 'Offer', html: '<p>Our offer</p>' }

t.test('an account that is set to receive only', { skip: skipWithout('dovecot') }, async (t) => {
  const { app, sink, connect } = await mailboxesOnDovecot(t, [sarah])
  const mailbox = await connect(sarah)
  const path = `/v1/email-accounts/${mailbox.account}`
  const setDirection = async (syncDirection: string) => {
    const ifMatch = (await app.ask('GET', path)).headers.get('etag') ?? ''
    await app.client.send('PATCH', `${path}/settings`, { syncDirection }, { 'if-match': ifMatch })
  }
  const tryAgain = async (id: string) => {
    const { position } = await app.client.send('POST', `/v1/outbox/${id}/settlement`, {
      decision: 'send-again',
    })
    await app.client.get(`/v1/outbox/${id}?min_position=${position}`)
  }

  const sent = await mailbox.queue(written)
  await mailbox.once(sent, 'sent')
  // Put off by the server, it waits for its next attempt.
  sink.faults.senderCode = 451
  const waiting = await mailbox.queue(written)
  await mailbox.once(waiting, 'deferred')
  await setDirection('receive')
  delete sink.faults.senderCode
  const refused = {
    state: 'failed',
    code: 'account-receives-only',
    reason: /receive only before the email was sent/,
    remedy: /sync direction .* try the email again/,
  }

  t.test('refuses what is to be sent', async (t) => {
    const body = { email: { accountId: mailbox.account, ...written }, undoSeconds: 0 }
    const answer = await app.ask('POST', '/v1/outbox', { body })
    t.match(answer, { status: 422, json: { code: 'account-receives-only', remedy: /sync direction/ } })
  })

  t.test('files no copy of what was sent before', async (t) => {
    t.equal((await mailbox.onceFiled(sent)).copy, 'impossible')
    t.same(await mailbox.mailIn('Sent', 0), [])
  })

  t.test('does not send what was waiting, and says why and what to do', async (t) => {
    t.match(await mailbox.once(waiting, 'failed'), refused)
    await tryAgain(waiting)
    t.match(await mailbox.once(waiting, 'failed'), refused)
    t.equal(sink.messages.length, 1)
  })

  t.test('receives', async (t) => {
    const raw = Buffer.from(`From: mia@client.test\r\nTo: ${sarah}\r\nSubject: Hello\r\n\r\nHello\r\n`)
    await mailbox.put(raw)
    await mailbox.sync.now()
    t.ok((await mailbox.messages()).some((found) => found.raw.equals(raw)))
  })

  t.test('sends again what waited once it may, as it said', async (t) => {
    await setDirection('both')
    await tryAgain(waiting)
    await mailbox.once(waiting, 'sent')
    t.equal(sink.messages.length, 2)
  })
})
