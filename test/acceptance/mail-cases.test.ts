import t from 'tap'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { mailCase } from '../support/mail-case.ts'
import { mailboxesOnDovecot } from '../support/mailboxes-on-dovecot.ts'

const me = 'sarah@acme.test'
const read = (name: string) => mailCase(name, { me, to: 'nobody@client.test', out: 'none@acme.test' })
const mails = {
  inlinePdf: read('05-inline-pdf-apple'),
  shownImage: read('05b-cid-image-without-disposition'),
  koi8: read('07-raw-koi8-header'),
  utf7: read('10-utf7-body'),
  anna: read('12a-constant-message-id-anna'),
  ben: read('12b-constant-message-id-ben'),
  winmail: read('21-winmail'),
}
const pdf = Buffer.from('%PDF-1.4\n% small\n')

t.test('mail of many programs, read from a real mailbox', { skip: skipWithout('dovecot') }, async (t) => {
  const { app, dovecot, connect } = await mailboxesOnDovecot(t, [me])
  const arrivedAt = (minute: number) => new Date(Date.UTC(2026, 10, 27, 10, minute))
  const files = Object.values(mails).map((raw, index) => ({ raw, flags: 'S', at: arrivedAt(index) }))
  dovecot.seed(me, 'INBOX', files)
  const mailbox = await connect(me, { historyDays: null })
  const messages = await mailbox.messages()
  t.equal(messages.length, files.length, 'each is there once')
  /** The message whose bytes these are. */
  const messageOf = (raw: Buffer) => messages.find((message) => message.raw.equals(raw))!
  const bodyOf = ({ id }: { id: string }) => app.client.get<{ text: string }>(`/v1/messages/${id}/body`)
  const fileOf = async ({ id }: { id: string }, index: number) =>
    (await app.ask('GET', `/v1/messages/${id}/attachments/${index}`)).bytes

  t.test('a PDF that a mail calls inline is its one attachment', async (t) => {
    const message = messageOf(mails.inlinePdf)
    t.match(message, { attachmentCount: 1, attachments: [{ name: 'invoice-17.pdf', inline: false }] })
    t.equal(message.attachments.length, 1)
    t.ok((await fileOf(message, 0)).equals(pdf))
  })

  t.test('a picture that the HTML shows is inline, and the file beside it the one attachment', async (t) => {
    const message = messageOf(mails.shownImage)
    t.match(message, {
      attachmentCount: 1,
      attachments: [
        { name: 'image001.png', inline: true },
        { name: 'price list.pdf', inline: false },
      ],
    })
    t.equal(message.attachments.length, 2)
    t.ok((await fileOf(message, 1)).equals(pdf))
  })

  t.test('a header that names no charset is read in that of the body', async (t) => {
    const message = messageOf(mails.koi8)
    t.match(message, {
      subject: 'Счёт за ноябрь',
      from: [{ name: 'Иван Петров', address: 'ivan@firma.example' }],
    })
    t.match(await bodyOf(message), { text: /^Счёт за ноябрь\s*$/ })
  })

  t.test('a body in UTF-7 is text', async (t) => {
    const { text } = await bodyOf(messageOf(mails.utf7))
    t.equal(text.trimEnd(), 'Grüße aus München: 5 € pro Stück')
  })

  t.test('two strangers whose form gives all mail one Message-ID have a conversation each', async (t) => {
    const [anna, ben] = [messageOf(mails.anna), messageOf(mails.ben)]
    t.not(anna.threadId, ben.threadId)
    for (const { threadId } of [anna, ben])
      t.match(await app.client.get(`/v1/threads/${threadId}`), { messageCount: 1 })
    const defects = [...anna.defects, ...ben.defects]
    t.same(
      defects,
      ['message-id-repeated'],
      'of the two, which one sync stores side by side, the later is marked',
    )
  })

  t.test('the file in a winmail.dat is listed and downloaded, and so is the winmail.dat', async (t) => {
    const message = messageOf(mails.winmail)
    const indexOf = (name: string) => message.attachments.find((file) => file.name === name)?.index ?? -1
    t.equal((await fileOf(message, indexOf('contract.txt'))).toString(), 'The contract, signed.\r\n')
    const tnef = await fileOf(message, indexOf('winmail.dat'))
    t.equal(tnef.readUInt32LE(0), 0x22_3e_9f_78, 'as it came')
  })
})
