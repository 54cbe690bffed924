import t from 'tap'
import { readMail } from '../../../src/adapters/mime/read-mail.ts'
import type { ParsedMail } from '../../../src/commands/ports/parser.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailQueued, EmailSent } from '../../../src/domain/sending/events.ts'
import { messages } from '../../../src/projections/sync/messages.ts'
import { threads } from '../../../src/projections/sync/threads.ts'
import { repliesToRecord } from '../../../src/projections/tracking/replies-to-record.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { accountId, messageIdOf, placeOf, synced } from '../../support/example-sync-events.ts'
import { mailCase } from '../../support/mail-case.ts'

const outgoingId = idOf('out', 1)
const ours = exampleQueued().header.messageId
const read = (name: string): ParsedMail =>
  readMail(mailCase(name, { me: 'me@acme.test', to: 'ann@client.test', out: ours }))

const queued = EmailQueued(exampleQueued())
const sent = EmailSent({
  outgoingId,
  accountId,
  attempt: 1,
  template: null,
  sentAt: '2026-01-05T12:00:11.000Z',
  first: true,
  accepted: ['ann@client.test'],
  deferred: [],
  retryAt: null,
  refused: [],
  evidence: 'answer',
})
const met = (n: number, { header, automatic, sentAt }: ParsedMail) => synced(n, { header, automatic, sentAt })
const threadsOf = async (...events: DomainEvent[]) => {
  const { thread } = await foldEvents(threads, recordedEvents(events))
  return thread.filter(({ merged_into }) => merged_into === null)
}
const repliesTo = async (...events: DomainEvent[]) => {
  const { reply } = await foldEvents(repliesToRecord, recordedEvents(events))
  return reply.map(({ outgoing_id, message_id }) => [outgoing_id, message_id])
}

t.test('a person who answers is one, whatever the way of the answer', async (t) => {
  for (const [name, automatic] of [
    ['03-human-reply-suppresses-autoresponders', null],
    ['04-human-reply-through-group', 'list'],
    ['11b-reply-encoded-in-reply-to', null],
  ] as const) {
    const mail = read(name)
    t.equal(mail.automatic, automatic, name)
    t.strictSame(mail.header.inReplyTo, [ours], name)
    t.strictSame(await repliesTo(queued, sent, met(3, mail)), [[outgoingId, messageIdOf(3)]], name)
    t.match(await threadsOf(queued, sent, met(3, mail)), [{ messages: 2 }], name)
  }
})

t.test('inline is what the shown HTML refers to, and nothing else', (t) => {
  t.match(read('05-inline-pdf-apple').attachments, [{ name: 'invoice-17.pdf', inline: false, size: 17 }])
  t.match(read('05b-cid-image-without-disposition').attachments, [
    { name: 'image001.png', inline: true, contentId: 'image001.png@01DA0001.AB12' },
    { name: 'price list.pdf', inline: false },
  ])
  t.end()
})

t.test('text is read in the charset that it was written in, said or not', (t) => {
  const { header } = read('07-raw-koi8-header')
  t.match(header, {
    subject: 'Счёт за ноябрь',
    from: [{ name: 'Иван Петров', address: 'ivan@firma.example' }],
  })
  t.equal(read('10-utf7-body').text, 'Grüße aus München: 5 € pro Stück\n')
  t.end()
})

t.test('two strangers whose form gives all mail one Message-ID have a thread each', async (t) => {
  const [anna, ben] = [
    met(1, read('12a-constant-message-id-anna')),
    met(2, read('12b-constant-message-id-ben')),
  ]
  for (const events of [
    [anna, ben],
    [ben, anna],
  ]) {
    t.match(await threadsOf(...events), [{ messages: 1 }, { messages: 1 }])
    const { message } = await foldEvents(messages, recordedEvents(events))
    const defects = new Map(message.map((row) => [row.id, row.defects]))
    t.strictSame(
      events.map(({ data }) => defects.get(data.messageId)),
      [[], ['message-id-repeated']],
      'the later one is marked',
    )
  }
})

t.test('the id that a relay gave our email leads to it, in whatever order they are met', async (t) => {
  const reply = met(3, read('13-reply-to-rewritten-id'))
  const relayed = synced(50, {
    outgoingId,
    direction: 'out',
    placement: placeOf(7, 'Sent'),
    header: { messageId: reply.data.header.inReplyTo[0]!, subject: 'Offer' },
  })
  for (const events of [
    [queued, sent, relayed, reply],
    [queued, sent, reply, relayed],
    [queued, relayed, sent, reply],
    [queued, reply, relayed],
  ])
    t.match(await threadsOf(...events), [{ messages: 2 }])
})

t.test('the files in a winmail.dat are listed behind it', (t) => {
  const [raw, file, ...others] = read('21-winmail').attachments
  t.match(raw, { name: 'winmail.dat', contentType: 'application/ms-tnef', inline: false })
  t.match(file, { name: 'contract.txt', inline: false, size: 23 })
  t.equal(Buffer.from(file?.content ?? []).toString(), 'The contract, signed.\r\n')
  t.strictSame(others, [])
  t.end()
})
