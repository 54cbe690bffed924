import { createHash } from 'node:crypto'
import { rightsOfOwner } from '../../../src/domain/accounts/access-rights.ts'
import t from 'tap'
import { Refused } from '../../../src/domain/refusal.ts'
import { MAX_FILES_BYTES } from '../../../src/domain/sending/events.ts'
import { previewDraft } from '../../../src/commands/sending/preview-draft.ts'
import { queueEmail } from '../../../src/commands/sending/queue-email.ts'
import { saveDraft } from '../../../src/commands/sending/save-draft.ts'
import { sendingWorld, trackingUrl, type World } from '../../support/sending-world.ts'
import { parsed, queued, refusal } from '../../support/queued-email.ts'

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
