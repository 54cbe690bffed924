import { createHash } from 'node:crypto'
import { rightsOfOwner } from '../../../src/domain/accounts/access-rights.ts'
import PostalMime from 'postal-mime'
import t from 'tap'
import { Refused } from '../../../src/domain/refusal.ts'
import { MAX_FILES_BYTES } from '../../../src/domain/sending/events.ts'
import type { QueuedEmail } from '../../../src/domain/sending/outgoing-state.ts'
import { cancelEmail } from '../../../src/commands/sending/cancel-email.ts'
import { confirmDelivery } from '../../../src/commands/sending/confirm-delivery.ts'
import { discardDraft } from '../../../src/commands/sending/discard-draft.ts'
import { fileSentCopy } from '../../../src/commands/sending/file-sent-copy.ts'
import { findDraft } from '../../../src/commands/sending/find-draft.ts'
import { previewDraft } from '../../../src/commands/sending/preview-draft.ts'
import { queueEmail } from '../../../src/commands/sending/queue-email.ts'
import { recordBounce } from '../../../src/commands/sending/record-bounce.ts'
import { changeDraft, saveDraft } from '../../../src/commands/sending/save-draft.ts'
import { sendEmail } from '../../../src/commands/sending/send-email.ts'
import { at, idOf } from '../../support/example-emails.ts'
import { never, sendingWorld, trackingUrl, type World } from '../../support/sending-world.ts'

const queued = async (world: World, id: string): Promise<QueuedEmail> => {
  const state = await world.state(id)
  if (!('email' in state)) throw new Error(`${id} is ${state.status}`)
  return state.email
}
const parsed = async (world: World, blob: string) => PostalMime.parse((await world.blobs.get(blob))!)
const refusal = async (work: Promise<unknown>): Promise<Refused> => {
  const error = await work.then(
    () => new Error('It was not refused'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof Refused) return error
  throw error
}
const upload = async (world: World, content: Buffer) => {
  const hash = createHash('sha256').update(content).digest('hex')
  await world.blobs.put([{ hash, content }])
  return hash
}

t.test(
  'variables are filled in from the CRM, the signature below, or the send is refused with the whole list',
  async (t) => {
    const world = await sendingWorld(t)
    world.account.now = {
      ...world.account.now,
      owner: { kind: 'user', userId: 'u1' },
      signature: '<p>{user.name}, {company.name}</p>',
    }
    const writing = {
      subject: 'About {deal.name}',
      html: '<p>Hi {contact.first_name}</p>',
      dealId: 'd1',
      contactId: 'c1',
    }
    const email = await queued(world, await world.queue(writing))
    t.equal(email.header.subject, 'About Big deal')
    t.match(email, { contactId: 'c1', dealId: 'd1', snippet: /^Hi Ann/ })
    const mail = await parsed(world, email.mime.blob)
    t.match(mail.html, /Hi Ann<.*John Smith, Acme/s)
    t.match(mail.text, /Hi Ann[^]*John Smith, Acme/)
    t.same(mail.from, { address: 'me@acme.test', name: 'John Smith' })

    t.equal(
      (await queued(world, await world.queue({ html: '{contact.last_name}' }))).contactId,
      'c1',
      'by address',
    )

    world.records.users.delete('u1')
    const missing = await refusal(world.queue({ ...writing, html: '{contact.phone}', dealId: null }))
    t.equal(missing.code, 'variable-without-value')
    t.same(
      (missing.details as { missing: { variable: string; where: string }[] }).missing.map(
        ({ variable, where }) => `${variable} ${where}`,
      ),
      ['deal.name subject', 'contact.phone body', 'user.name signature'],
    )
    t.equal((await refusal(world.queue({ html: '{contact.frist_name}' }))).code, 'unknown-variable')
    world.account.now = { ...world.account.now, signature: '' }
    const fallback = await queued(
      world,
      await world.queue({ html: '<p>{contact.phone|call} {user.name|me}</p>' }),
    )
    t.equal(fallback.snippet, 'call me')
  },
)

t.test('the email waits for its undo window or its time, whichever is later', async (t) => {
  const world = await sendingWorld(t)
  const inSeconds = (seconds: number) => new Date(world.time.now + seconds * 1000).toISOString()
  const times = async (scheduledAt: string | null, undoSeconds: number) => {
    const { notBefore, queuedAt } = await queued(world, await world.queue({}, { scheduledAt, undoSeconds }))
    t.equal(queuedAt, inSeconds(0))
    return notBefore
  }
  t.equal(await times(null, 10), inSeconds(10))
  t.equal(await times(inSeconds(900), 10), inSeconds(900))
  t.equal(await times(inSeconds(5), 10), inSeconds(10))
  t.equal(await times(inSeconds(-900), 0), inSeconds(0))
  const id = await world.queue({}, { scheduledAt: inSeconds(900) })
  t.match((await parsed(world, (await queued(world, id)).mime.blob)).date, inSeconds(900))
})

t.test('each address gets the email once, where it is most visible; without any it is refused', async (t) => {
  const world = await sendingWorld(t)
  const { header, envelope } = await queued(
    world,
    await world.queue({
      to: [{ address: 'ann@client.test' }, { address: 'ANN@client.test', name: 'Ann' }],
      cc: [{ address: 'ann@Client.test' }, { address: 'bob@client.test' }],
      bcc: [{ address: 'bob@client.test' }, { address: 'eve@client.test' }],
    }),
  )
  t.same(header.to, [{ address: 'ann@client.test' }])
  t.same(header.cc, [{ address: 'bob@client.test' }])
  t.same(header.bcc, [{ address: 'eve@client.test' }])
  t.same(envelope.recipients, ['ann@client.test', 'bob@client.test', 'eve@client.test'])
  t.equal((await refusal(world.queue({ to: [] }))).code, 'no-recipient')
  const many = Array.from({ length: 501 }, (_, n) => ({ address: `p${n}@client.test` }))
  t.equal((await refusal(world.queue({ to: many }))).code, 'too-many-recipients')
  const save = (changes: object) => saveDraft(world.needs)(world.caller(), world.input(changes), null)
  t.equal((await refusal(save({ to: many }))).code, 'too-many-recipients', 'nor is it saved to be refused')
  const file = { name: 'film.mp4', contentType: 'video/mp4', size: 13 * 1024 * 1024, blob: 'a'.repeat(64) }
  t.equal((await refusal(save({ attachments: [file, file] }))).code, 'attachments-too-large')
  for (const address of ['a@b.test\r\nBcc: evil@x.test', 'a@b.test\nX: y', 'a b@c.test', '<a@b.test>'])
    await t.rejects(world.queue({ to: [{ address }] }), Refused)
  await t.rejects(world.queue({ to: [{ address: 'a@b.test', name: 'A\r\nBcc: e@x.test' }] }), Refused)
  await t.rejects(world.queue({ subject: 'A\r\nBcc: e@x.test' }), Refused)
})

t.test('files go along unchanged, up to 25 MB together; one that was never uploaded is named', async (t) => {
  const world = await sendingWorld(t)
  const pdf = Buffer.from([0, 1, 2, 255, 254, 13, 10, 46, 13, 10])
  const logo = Buffer.from('GIF89a')
  const file = {
    name: 'Angebot é.pdf',
    contentType: 'application/pdf',
    size: 1,
    blob: await upload(world, pdf),
  }
  const image = {
    name: 'logo.gif',
    contentType: 'image/gif',
    size: 1,
    blob: await upload(world, logo),
    contentId: 'logo',
  }
  const email = await queued(
    world,
    await world.queue({ attachments: [file, image], html: '<img src="cid:logo">' }),
  )
  t.match(
    email.attachments,
    [{ name: 'Angebot é.pdf', size: pdf.length }, { name: 'logo.gif' }],
    'true sizes',
  )
  const { attachments } = await parsed(world, email.mime.blob)
  t.same(
    attachments
      .map(({ filename, contentId }) => `${filename} ${contentId}`)
      .toSorted((a, b) => a.localeCompare(b)),
    ['Angebot é.pdf undefined', 'logo.gif <logo>'],
  )
  const unseen = await queued(
    world,
    await world.queue({ attachments: [image], html: '<img src="cid:logo2">' }),
  )
  t.match(
    unseen.attachments,
    [{ name: 'logo.gif', contentId: undefined }],
    'shown nowhere, it is an attachment',
  )
  t.match((await parsed(world, unseen.mime.blob)).attachments, [
    { filename: 'logo.gif', disposition: 'attachment' },
  ])
  const pdfPart = attachments.find(({ filename }) => filename === 'Angebot é.pdf')!
  t.ok(Buffer.from(pdfPart.content as ArrayBuffer).equals(pdf))

  const half = await upload(world, Buffer.alloc(MAX_FILES_BYTES / 2, 'a'))
  const halves = ['a', 'b'].map((name) => ({ ...file, name, blob: half, size: 1 }))
  const large = await world.queue({ attachments: halves })
  t.ok((await queued(world, large)).mime.size > MAX_FILES_BYTES)
  const tooLarge = await refusal(world.queue({ attachments: [...halves, file] }))
  t.equal(tooLarge.code, 'attachments-too-large')
  t.match(tooLarge.message, '25 MB')
  const missing = { ...file, blob: 'f'.repeat(64) }
  t.match(await refusal(world.queue({ attachments: [missing] })), {
    code: 'attachment-missing',
    details: { name: 'Angebot é.pdf' },
  })
})

t.test('tracking follows the email, then the account, then the mechanism, and says which', async (t) => {
  const world = await sendingWorld(t)
  const html = '<p><a href="https://acme.test/offer">Offer</a></p>'
  const decide = async (
    settings: Partial<typeof world.account.now.settings>,
    wishes: { trackOpens?: boolean; trackClicks?: boolean } = {},
  ) => {
    const before = world.account.now.settings
    world.account.now = { ...world.account.now, settings: { ...before, ...settings } }
    const email = await queued(world, await world.queue({ html, ...wishes }))
    const mail = (await parsed(world, email.mime.blob)).html ?? ''
    t.equal(mail.includes(`${trackingUrl}/`), email.tracking.opens || email.tracking.clicks)
    const copy = (await parsed(world, email.copy.blob)).html ?? ''
    t.notMatch(copy, /track\.acme/)
    t.match(copy, 'https://acme.test/offer')
    return email.tracking
  }
  const on = { trackOpens: true, trackClicks: true, addPixel: true, rewriteLinks: true }
  t.match(await decide(on), {
    opens: true,
    clicks: true,
    reason: 'opens: account policy on; clicks: account policy on',
    links: [{ index: 0, url: 'https://acme.test/offer', text: 'Offer' }],
  })
  t.match(await decide(on, { trackOpens: false }), { opens: false, clicks: true })
  t.match(await decide({ ...on, trackClicks: false }), { opens: true, clicks: false, links: [] })
  t.match(await decide({ ...on, trackOpens: false, trackClicks: false }, { trackOpens: true }), {
    opens: true,
    reason: 'opens: email option on; clicks: account policy off',
  })
  t.match(await decide({ ...on, addPixel: false, rewriteLinks: false }), {
    opens: false,
    clicks: false,
    reason:
      "opens: account policy on, but the account's pixel is off; clicks: account policy on, but the account's rewriting is off",
  })
  const { outgoingId } = await queueEmail({ ...world.needs, tracker: null })(
    world.caller(),
    { content: { email: world.input({ html }) }, scheduledAt: null, undoSeconds: 0 },
    null,
  )
  t.match((await queued(world, outgoingId)).tracking, {
    opens: false,
    reason: 'no tracking address is set up',
  })
})

t.test(
  'the copy in Sent is the same email without our links, filed once, read, also after a crash',
  async (t) => {
    const world = await sendingWorld(t, { withImap: true })
    const { settings } = world.account.now
    world.account.now = {
      ...world.account.now,
      settings: { ...settings, trackOpens: true, trackClicks: true },
    }
    const html = '<p>Hello <a href="https://acme.test/a?b=1&amp;c=2">offer</a></p>'
    const id = await world.queue({ html, bcc: [{ address: 'eve@client.test' }] })
    t.equal(await world.send(id), 'sent')
    const inSent = () => world.imap!.mailbox('me').messages('Sent')
    const file = async (of: string, handle = world.needs.handle) => {
      const session = await world.needs.openMailbox(world.account.now.accountId, never)
      try {
        await fileSentCopy({ ...world.needs, handle })(world.caller(), of, session)
      } finally {
        await session?.close()
      }
    }
    const crash = () => Promise.reject(new TypeError('killed'))
    await t.rejects(file(id, crash), /killed/, 'appended, and then the process died')
    await file(id)
    await file(id)
    t.equal(inSent().length, 1)
    t.match((await world.events(id)).at(-1), {
      type: 'SentCopyFiled',
      data: { outcome: 'found', folder: 'Sent' },
    })
    const [copy] = inSent()
    t.ok(copy!.flags.includes('\\Seen'))
    const [wire, filed] = await Promise.all([
      PostalMime.parse((await world.sink.mailWith(id)).raw),
      PostalMime.parse(copy!.raw),
    ])
    t.equal(filed.messageId, wire.messageId)
    t.match(filed.messageId, id)
    t.match(wire.html, 'track.acme.test')
    t.notMatch(copy!.raw.toString(), 'track.acme.test')
    t.match(filed.html, 'https://acme.test/a?b=1&amp;c=2')
    t.notOk(wire.bcc)
    t.same(filed.bcc, [{ address: 'eve@client.test', name: '' }])
    t.equal(filed.text, wire.text)
    t.equal(filed.date, wire.date)

    const byServer = await world.queue()
    t.equal(await world.send(byServer), 'sent')
    world.imap!.mailbox('me').append('Sent', { raw: (await world.sink.mailWith(byServer)).raw })
    await file(byServer)
    t.equal(inSent().length, 2, 'the server had filed one itself')
    const own = await world.queue()
    await file(own)
    t.same(await world.types(own), ['EmailQueued'], 'not sent, so no copy')
    await world.send(own)
    await file(own)
    t.match((await world.events(own)).at(-1)!.data, { outcome: 'filed', folder: 'Sent' })
    t.equal(inSent().length, 3)

    world.account.now = {
      ...world.account.now,
      connection: { ...world.account.now.connection, imap: null },
    }
    const nowhere = await world.queue()
    await world.send(nowhere)
    await file(nowhere)
    t.match((await world.events(nowhere)).at(-1)!.data, { outcome: 'impossible', folder: null })
  },
)

t.test(
  'a reply comes from the account that was written to, goes to whom it should, and stands in its thread',
  async (t) => {
    const world = await sendingWorld(t)
    const { needs } = world
    const messageId = idOf('msg', 7)
    const parent = {
      accountId: world.account.now.accountId,
      userId: null,
      direction: 'in' as const,
      messageId: 'third@client.test',
      inReplyTo: ['second@acme.test'],
      references: ['first@client.test', 'second@acme.test'],
      subject: 'Our offer',
      from: [{ address: 'ann@client.test', name: 'Ann Lee' }],
      replyTo: [{ address: 'desk@client.test' }],
      to: [{ address: 'me@acme.test' }],
    }
    world.records.messages.set(messageId, parent)
    const replyTo = { kind: 'message' as const, id: messageId }
    const open = { replyTo, accountId: null, to: [], subject: '' }
    const id = await world.queue(open)
    const { header, accountId, mime } = await queued(world, id)
    t.equal(accountId, world.account.now.accountId)
    t.same(header.to, [{ address: 'desk@client.test' }])
    t.equal(header.subject, 'Re: Our offer')
    t.equal(header.inReplyTo, 'third@client.test')
    t.same(header.references, ['first@client.test', 'second@acme.test', 'third@client.test'])
    const mail = await parsed(world, mime.blob)
    t.equal(mail.inReplyTo, '<third@client.test>')
    t.equal(mail.references, '<first@client.test> <second@acme.test> <third@client.test>')

    const again = await world.queue({ ...open, replyTo: { kind: 'email', id } })
    const follow = (await queued(world, again)).header
    t.same(follow.to, [{ address: 'desk@client.test' }], 'a follow-up goes to those it was written to')
    t.equal(follow.subject, 'Re: Our offer')
    t.same(follow.references.slice(-2), ['third@client.test', header.messageId])

    const begun = await saveDraft(needs)(world.caller(), world.input(open), null)
    t.match(begun.draft, { to: [{ address: 'desk@client.test' }] })
    const { outgoingId } = begun
    const change = (changes: object, ifRevision: number) =>
      changeDraft(needs)(world.caller(), { outgoingId, changes, ifRevision }, null)
    t.same((await change({ to: [] }, 0)).draft.to, [], 'whom a person takes out stays out')
    t.same((await change({ subject: 'Another' }, 1)).draft.to, [])
    t.match((await change({ replyTo }, 2)).draft.to, [{ address: 'desk@client.test' }])

    const headers = async (changes: object) => {
      world.records.messages.set(messageId, { ...parent, ...changes })
      return (await queued(world, await world.queue(open))).header
    }
    t.same((await headers({ references: [] })).references, ['second@acme.test', 'third@client.test'])
    t.same((await headers({ references: [], inReplyTo: ['a@x', 'b@x'] })).references, ['third@client.test'])
    t.same((await headers({ replyTo: [], subject: 'RE: Our offer' })).to, [
      { address: 'ann@client.test', name: 'Ann Lee' },
    ])
    const long = Array.from({ length: 60 }, (_, n) => `m${n}@client.test`)
    const { references } = await headers({ references: long })
    t.same([references.length, references[0], references.at(-1)], [20, 'm0@client.test', 'third@client.test'])
    const evil = await headers({
      references: ['x@y\r\nBcc: e@x.test', '<a b>', 'ok@client.test'],
      messageId: 'a b@c',
    })
    t.same([evil.inReplyTo, evil.references], [null, ['ok@client.test']])
    await t.rejects(world.queue({ ...open, replyTo: { kind: 'message', id: idOf('msg', 8) } }), {
      name: 'NotFound',
    })
    t.equal((await refusal(world.queue({ accountId: null }))).code, 'account-missing')
  },
)

t.test(
  "a personal account is its user's alone to send from; an account that cannot send says so",
  async (t) => {
    const world = await sendingWorld(t)
    world.records.users.set('u2', { name: 'Sarah' })
    const ask = (userId: string | null) =>
      queueEmail(world.needs)(
        world.caller(),
        { content: { email: world.input() }, scheduledAt: null, undoSeconds: 0 },
        userId,
      )
    world.account.now = { ...world.account.now, ...rightsOfOwner({ kind: 'user', userId: 'u1' }) }
    await t.rejects(ask('u2'), { name: 'NotFound' })
    t.match((await queued(world, (await ask('u1')).outgoingId)).userId, 'u1')
    t.match((await queued(world, (await ask(null)).outgoingId)).userId, null)
    world.account.now = { ...world.account.now, ...rightsOfOwner({ kind: 'team' }) }
    t.equal((await refusal(ask('u9'))).code, 'unknown-user')
    world.account.now = { ...world.account.now, sends: false }
    t.equal((await refusal(ask(null))).code, 'account-sends-no-mail')
    world.account.now = { ...world.account.now, status: 'paused' }
    t.equal((await refusal(ask(null))).code, 'account-paused')
  },
)

t.test(
  'a draft is written, changed at its version, previewed with what is missing, sent, and no draft then',
  async (t) => {
    const world = await sendingWorld(t)
    const { needs } = world
    const userId = 'u1'
    const templateId = idOf('tpl', 1)
    world.records.templates.set(templateId, {
      subject: 'About {deal.name}',
      html: '<p>Dear {contact.first_name}</p>',
    })
    const template = { templateId, version: 1 }
    const saved = await saveDraft(needs)(
      world.caller(),
      world.input({ template, html: '', subject: '', to: [] }),
      userId,
    )
    const id = saved.outgoingId
    const preview = await previewDraft(needs)(id, userId)
    t.same(
      preview.missing.map(({ variable }) => variable),
      ['deal.name', 'contact.first_name'],
    )
    t.same(preview.from, { address: 'me@acme.test', name: 'John Smith' })
    const change = (changes: object, ifRevision: number, by = userId) =>
      changeDraft(needs)(world.caller(), { outgoingId: id, changes, ifRevision }, by)
    const to = [{ address: 'ann@client.test' }]
    t.match(await change({ dealId: 'd1', to }, 0), { revision: 1, draft: { dealId: 'd1', userId } })
    await t.rejects(change({ subject: 'late' }, 0), { name: 'StaleRevision' })
    await t.rejects(change({ subject: 'not mine' }, 1, 'u2'), { name: 'NotFound' })
    await t.rejects(previewDraft(needs)(id, 'u2'), { name: 'NotFound' })
    t.match(await previewDraft(needs)(id, userId), {
      missing: [],
      subject: 'About Big deal',
      html: /Dear Ann/,
    })
    const asked = { content: { draftId: id }, scheduledAt: null, undoSeconds: 0 }
    await t.rejects(queueEmail(needs)(world.caller(), asked, 'u2'), { name: 'NotFound' })
    const caller = world.caller()
    t.match(await queueEmail(needs)(caller, asked, userId), { outgoingId: id, repeated: false })
    t.match(await queueEmail(needs)(caller, asked, userId), { outgoingId: id, repeated: true })
    t.equal((await refusal(queueEmail(needs)(world.caller(), asked, userId))).code, 'already-queued')
    t.match((await queued(world, id)).template, template)
    await t.rejects(change({ subject: 'late' }, 2), { name: 'NotFound' })
    await t.rejects(
      queueEmail(needs)(world.caller(), asked, 'u2'),
      { name: 'NotFound' },
      'nor what became of it',
    )
    await t.rejects(discardDraft(needs)(world.caller(), id, 'u2'), { name: 'NotFound' })
    t.equal((await refusal(discardDraft(needs)(world.caller(), id, userId))).code, 'already-queued')

    const other = await saveDraft(needs)(world.caller(), world.input(), userId)
    await t.rejects(discardDraft(needs)(world.caller(), other.outgoingId, 'u2'), { name: 'NotFound' })
    t.match(await discardDraft(needs)(world.caller(), other.outgoingId, userId), {
      state: { status: 'discarded' },
    })
    await discardDraft(needs)(world.caller(), other.outgoingId, userId)
    t.same(await world.types(other.outgoingId), ['DraftSaved', 'DraftDiscarded'])
  },
)

t.test('the same command again queues nothing anew, though its account has changed meanwhile', async (t) => {
  const world = await sendingWorld(t)
  const caller = world.caller()
  const asked = { content: { email: world.input() }, scheduledAt: null, undoSeconds: 0 }
  const first = await queueEmail(world.needs)(caller, asked, null)
  world.account.now = { ...world.account.now, status: 'paused' }
  t.match(await queueEmail(world.needs)(caller, asked, null), {
    outgoingId: first.outgoingId,
    repeated: true,
    revision: 0,
  })
})

t.test('delivery is taken for granted after the window, unless a report says otherwise', async (t) => {
  const world = await sendingWorld(t)
  const confirm = confirmDelivery({ ...world.needs, windowMinutes: 60 })
  const sentOne = async () => {
    const id = await world.queue()
    await world.send(id)
    return id
  }
  const report = (action: 'failed' | 'delayed' | 'delivered' | 'relayed') => ({
    reportId: idOf('msg', 3),
    receivedAt: at(0),
    recipients: [{ address: 'ann@client.test', action, status: action === 'failed' ? '5.1.1' : null }],
  })
  const [quiet, bounced, late, proved] = [await sentOne(), await sentOne(), await sentOne(), await sentOne()]
  await recordBounce(world.needs)(world.caller(), bounced, report('failed'))
  await recordBounce(world.needs)(world.caller(), bounced, report('failed'))
  await recordBounce(world.needs)(world.caller(), late, report('delayed'))
  await recordBounce(world.needs)(world.caller(), proved, report('delivered'))
  await recordBounce(world.needs)(world.caller(), quiet, report('relayed'))
  const confirmOne = (id: string) => confirm(world.caller(), { id, seenUntil: world.clock().toISOString() })
  await confirmOne(quiet)
  t.same((await world.types(quiet)).slice(3), [], 'too early')
  world.time.now += 60 * 60_000
  for (const id of [quiet, bounced, late, proved, quiet]) await confirmOne(id)
  const after = async (id: string) => (await world.types(id)).slice(3)
  t.same(await after(quiet), ['EmailDelivered'])
  t.same(await after(bounced), ['EmailBounced'])
  t.same(await after(late), ['EmailBounced'], 'its server tries on')
  t.same(await after(proved), ['EmailDelivered'])
  await recordBounce(world.needs)(world.caller(), quiet, report('failed'))
  t.match(await world.state(quiet), { taken: { recipients: [{ delivered: null }] } })
})

t.test(
  'an email that was cancelled is the draft that it was, and is changed and sent under the same id',
  async (t) => {
    const world = await sendingWorld(t)
    const deps = { ...world.needs }
    const id = await world.queue({ html: '<p>Hi {contact.first_name}</p>' }, { undoSeconds: 60 })
    await cancelEmail(deps)(world.caller(), id)
    const found = await findDraft(deps)(id, null)
    t.match(found.draft, { html: '<p>Hi {contact.first_name}</p>', to: [{ address: 'ann@client.test' }] })
    await changeDraft(deps)(
      world.caller(),
      { outgoingId: id, changes: { subject: 'Changed' }, ifRevision: found.revision },
      null,
    )
    const again = { content: { draftId: id }, scheduledAt: null, undoSeconds: 0 }
    const handled = await queueEmail(deps)(world.caller(), again, null)
    t.equal(handled.outgoingId, id)
    t.equal(await world.send(id), 'sent')
    t.equal(world.sink.messages.length, 1)
    t.match(await parsed(world, (await queued(world, id)).mime.blob), { subject: 'Changed', html: /Hi Ann/ })
    t.same(await world.types(id), [
      'EmailQueued',
      'EmailCancelled',
      'DraftSaved',
      'EmailQueued',
      'EmailReleased',
      'EmailSent',
    ])
  },
)

t.test(
  'what failed can be changed and sent again; what a sender says of the version before is not heard',
  async (t) => {
    const world = await sendingWorld(t)
    const id = await world.queue()
    world.account.now = { ...world.account.now, sends: false }
    t.equal(await world.send(id), 'failed')
    t.same((await findDraft(world.needs)(id, null)).draft.subject, 'Our offer')
    world.account.now = { ...world.account.now, sends: true }
    const again = { content: { draftId: id }, scheduledAt: null, undoSeconds: 0 }
    await queueEmail(world.needs)(world.caller(), again, null)
    const find = world.needs.findAccount
    const slow = {
      ...world.needs,
      findAccount: async (accountId: string) => {
        await cancelEmail(world.needs)(world.caller(), id)
        await queueEmail(world.needs)(world.caller(), again, null)
        const found = await find(accountId)
        return found && { ...found, sends: false }
      },
    }
    t.equal(await sendEmail(slow)(world.caller('sender'), id, never), 'over')
    t.equal((await world.state(id)).status, 'queued', 'not failed: it is another email by now')
    t.equal(await world.send(id), 'sent')
  },
)

t.test('where several contacts have the address, one is chosen or none is greeted', async (t) => {
  const world = await sendingWorld(t)
  world.records.contacts.set('c2', { firstName: 'Bea', emails: ['ann@client.test'] })
  const email = world.input({ html: 'Hi {contact.first_name}, {contact.email}' })
  const when = { scheduledAt: null, undoSeconds: 0 }
  const refused = await refusal(
    queueEmail(world.needs)(world.caller(), { content: { email }, ...when }, null),
  )
  t.match(refused, { code: 'variable-without-value', message: /Several contacts.*c1, c2.*contactId/ })
  t.match(refused.details, {
    missing: [{ variable: 'contact.first_name', where: 'body', reason: /Several contacts/ }],
  })
  const chosen = { content: { email: { ...email, contactId: 'c2' } }, ...when }
  const handled = await queueEmail(world.needs)(world.caller(), chosen, null)
  t.match(handled, { contactId: 'c2', otherContactIds: ['c1'] })
  t.match(await queued(world, handled.outgoingId), { snippet: 'Hi Bea, ann@client.test' })

  const { outgoingId } = await saveDraft(world.needs)(world.caller(), email, null)
  t.match(await previewDraft(world.needs)(outgoingId, null), {
    contactId: null,
    otherContactIds: ['c1', 'c2'],
    missing: [{ variable: 'contact.first_name', reason: /Several/ }],
  })
  world.records.contacts.delete('c2')
  t.match(await previewDraft(world.needs)(outgoingId, null), { contactId: 'c1', otherContactIds: [] })
})

t.test('an email with a recipient who opted out is never tracked, whoever else it goes to', async (t) => {
  const world = await sendingWorld(t)
  world.records.contacts.set('c7', { emails: ['silent@client.test'], optOut: true })
  const settings = { trackOpens: true, trackClicks: true, addPixel: true, rewriteLinks: true }
  world.account.now = { ...world.account.now, settings: { ...world.account.now.settings, ...settings } }
  const wishes = { html: '<p><a href="https://acme.test/">Hi</a></p>', trackOpens: true, trackClicks: true }
  for (const list of ['to', 'cc', 'bcc'] as const) {
    const outgoingId = await world.queue({ ...wishes, [list]: [{ address: 'silent@client.test' }] })
    const email = await queued(world, outgoingId)
    t.match(email.tracking, {
      opens: false,
      clicks: false,
      wanted: { opens: false, clicks: false },
      reason: 'a recipient has opted out of tracking: contact c7',
    })
    const mail = (await parsed(world, email.mime.blob)).html ?? ''
    t.notOk(mail.includes(trackingUrl), 'nothing in the mail leads here')
  }
  t.match((await queued(world, await world.queue(wishes))).tracking, { opens: true, clicks: true })
})

t.test('without a signature its variable is empty, and the preview says so', async (t) => {
  const world = await sendingWorld(t)
  const html = '<p>Hello</p>{signature}'
  t.equal((await queued(world, await world.queue({ html }))).snippet, 'Hello')
  t.equal((await queued(world, await world.queue({ html: '{signature|Bye}' }))).snippet, 'Bye')
  const { outgoingId } = await saveDraft(world.needs)(world.caller(), world.input({ html }), null)
  t.match(await previewDraft(world.needs)(outgoingId, null), {
    html: '<p>Hello</p>',
    missing: [],
    warnings: [{ code: 'no-signature' }],
  })
  world.account.now = { ...world.account.now, signature: '<b>me</b>' }
  t.same((await previewDraft(world.needs)(outgoingId, null)).warnings, [])
})
