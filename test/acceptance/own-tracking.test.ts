import PostalMime from 'postal-mime'
import t from 'tap'
import { addressesIn } from '../../scripts/demo/world.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { mailboxesOnDovecot } from '../support/mailboxes-on-dovecot.ts'

const sarah = 'sarah@acme.test'
const mia = 'mia@client.test'
const offer = 'https://acme.test/offer?a=1&b=2'
const written = {
  to: [{ address: mia }],
  subject: 'Offer',
  html: '<p>Here is <a href="https://acme.test/offer?a=1&amp;b=2">our offer</a>.</p>',
}
const skip = skipWithout('dovecot')

t.test('where no tracking address is set up, nothing is tracked, whatever is wished', { skip }, async (t) => {
  const env = { MAILTRAIL_TRACKING_URL: undefined }
  const { sink, connect } = await mailboxesOnDovecot(t, [sarah], { env })
  const mailbox = await connect(sarah, { trackOpens: true, trackClicks: true })
  for (const wishes of [{}, { trackOpens: true, trackClicks: true }]) {
    const id = await mailbox.queue({ ...written, ...wishes })
    const { tracking } = await mailbox.once(id, 'sent')
    t.match(tracking, { opens: false, clicks: false, reason: /no tracking address is set up/ })
    const left = await sink.mailWith(id)
    t.same(addressesIn(left), { pixel: null, links: [offer] })
    const { html = '', text } = await PostalMime.parse(left.raw)
    t.ok(html.includes(written.html))
    t.notMatch(`${html}${text}`, /<img|\/t\/[oc]\/|127\.0\.0\.1|localhost/)
  }
})

t.test('an answer that quotes our tracked mail', { skip }, async (t) => {
  const { app, sink, connect } = await mailboxesOnDovecot(t, [sarah])
  const mailbox = await connect(sarah)
  const first = await mailbox.queue(written)
  const { messageId } = await mailbox.once(first, 'sent')
  const tracked = await sink.mailWith(first)
  const { html: ours = '' } = await PostalMime.parse(tracked.raw)
  const old = addressesIn(tracked)
  t.ok(old.pixel?.startsWith(`${app.url}/t/o/`))
  t.match(old.links, [new RegExp(`^${app.url}/t/c/`)])

  const quoting = `<p>Is there one in blue?</p><blockquote>${ours}</blockquote>`
  const answer = Buffer.from(
    [
      `From: ${mia}\r\nTo: ${sarah}\r\nSubject: Re: Offer\r\nMessage-ID: <blue@client.test>`,
      `In-Reply-To: <${messageId}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b`,
      `\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nIs there one in blue?\r\n> our offer <${old.links[0]}>`,
      `--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n`,
      Buffer.from(quoting).toString('base64').replaceAll(/.{76}/g, '$&\r\n'),
      '--b--\r\n',
    ].join('\r\n'),
  )
  await mailbox.put(answer)
  await mailbox.sync.now()
  const { id } = (await mailbox.messages()).find(({ raw }) => raw.equals(answer))!

  t.test('is shown without our pixel and with the links as they were', async (t) => {
    const shown = (await app.ask('GET', `/v1/messages/${id}/body/html`)).bytes.toString()
    t.match(shown, 'Is there one in blue?')
    t.ok(shown.includes(written.html), 'what we wrote stands there')
    t.notMatch(shown, /<img|\/t\/[oc]\//)
    const { text } = await app.client.get<{ text: string }>(`/v1/messages/${id}/body`)
    t.ok(text.includes(`our offer <${offer}>`))
  })

  for (const [on, what] of [
    [false, 'tracked no more'],
    [true, 'tracked as a part of the new one'],
  ] as const)
    t.test(`is quoted by us without the old pixel and links: ${what}`, async (t) => {
      const again = {
        html: `<p>Yes, in blue.</p><blockquote>${quoting}</blockquote>`,
        replyTo: { kind: 'message', id },
        trackOpens: on,
        trackClicks: on,
      }
      // Each of the two tests answers the same message, which the second does anyway.
      const reply = await mailbox.queue(again, { undoSeconds: 0, sendAnyway: true })
      await mailbox.once(reply, 'sent')
      const left = await sink.mailWith(reply)
      const { html = '' } = await PostalMime.parse(left.raw)
      for (const address of [old.pixel!, ...old.links]) t.notOk(html.includes(address))
      t.equal(html.split('/t/o/').length - 1, on ? 1 : 0, 'pixels')
      t.equal(html.split('/t/c/').length - 1, on ? 1 : 0, 'links of ours')
      const [link, ...others] = addressesIn(left).links
      t.same(others, [])
      if (!on) return t.equal(link, offer)
      const led = await fetch(link!, { redirect: 'manual' })
      t.equal(led.headers.get('location'), offer)
      const { bytes } = await app.ask('GET', `/v1/outbox/${reply}/raw?form=copy`)
      t.same(addressesIn({ ...left, raw: bytes }), { pixel: null, links: [offer] })
    })
})
