import { createHash } from 'node:crypto'
import t from 'tap'
import { outboxWorld } from '../../support/outbox-world.ts'

const { world, app, ask, email, sendUntil, sink, token } = await outboxWorld(t)

t.test('drafts over HTTP: begun, listed, changed at their version, previewed, sent with files', async (t) => {
  const pdf = Buffer.from('%PDF-1.7 {"not":"json"}')
  const upload = (name: string, content: Buffer, type = 'application/pdf') =>
    app.inject({
      method: 'POST',
      url: `/v1/attachments?name=${encodeURIComponent(name)}`,
      headers: { authorization: `Bearer ${token.reveal()}`, 'content-type': type },
      payload: content,
    })
  const uploaded = await upload('Angebot é.pdf', pdf)
  t.equal(uploaded.statusCode, 201, uploaded.body)
  const file = uploaded.json<{ name: string; blob: string }>()
  t.match(file, {
    name: 'Angebot é.pdf',
    contentType: 'application/pdf',
    size: pdf.length,
    blob: /^[0-9a-f]{64}\.[\w-]{43}$/,
  })
  t.match(
    (await upload('a.json', Buffer.from('{"a":'), 'application/json')).json(),
    { size: 5 },
    'taken as bytes',
  )
  t.equal((await upload('a', Buffer.alloc(0))).statusCode, 400)
  const large = await upload('b', Buffer.alloc(50 * 1024 * 1024))
  t.equal(large.statusCode, 413)
  t.match(large.json(), { code: 'body-too-large', remedy: /25 MB/ })
  t.equal((await upload('x\r\ny', pdf)).statusCode, 400)

  const user = { 'mailtrail-user': 'u1' }
  const begun = await ask(
    'POST',
    '/v1/drafts',
    { accountId: world.account.now.accountId, html: 'Hi {contact.first_name}', attachments: [file] },
    user,
  )
  t.equal(begun.statusCode, 201, begun.body)
  const { id } = begun.json<{ id: string }>()
  t.equal(begun.headers.etag, '"0"')

  // Of another's file one may know the hash; our own seal is only over our own.
  const [hash = '', seal = ''] = file.blob.split('.')
  const foreign = createHash('sha256').update('somebody else’s').digest('hex')
  await world.blobs.put([{ hash: foreign, content: Buffer.from('somebody else’s') }])
  for (const [blob, status] of [
    [foreign, 400],
    [`${foreign}.`, 400],
    [`${foreign}.${seal}`, 422],
    [`${hash}.${seal.toUpperCase()}`, 422],
    [`${'0'.repeat(64)}.${seal}`, 422],
  ] as const) {
    const attachments = [{ ...file, blob }]
    const answers = [
      await ask('POST', '/v1/drafts', { accountId: world.account.now.accountId, attachments }, user),
      await ask('PATCH', `/v1/drafts/${id}`, { attachments }, { ...user, 'if-match': '"0"' }),
      await ask('POST', '/v1/outbox', { email: email({ attachments }) }, user),
    ]
    for (const answer of answers) {
      t.equal(answer.statusCode, status)
      t.match(answer.json(), { code: status === 400 ? 'invalid-request' : 'attachment-missing' })
    }
  }
  t.same(begun.json<{ attachments: unknown }>().attachments, [file], 'what is answered can be sent again')
  const change = (payload: object, etag?: string) =>
    ask('PATCH', `/v1/drafts/${id}`, payload, { ...user, ...(etag ? { 'if-match': etag } : {}) })
  t.equal((await change({ subject: 'A' })).statusCode, 428)
  const patched = await change({ subject: 'Offer', to: [{ address: 'ann@client.test' }] }, '"0"')
  t.match(patched.json(), { id, subject: 'Offer', html: 'Hi {contact.first_name}', userId: 'u1' })
  t.equal((await change({ subject: 'B' }, '"0"')).statusCode, 412)
  for (const address of ['a@b.test\r\nBcc: evil@x.test', 'a b@c.test', ''])
    t.equal((await change({ to: [{ address }] }, '"1"')).statusCode, 400)
  const position = String(patched.headers['event-position'])
  const listed = await ask('GET', `/v1/drafts?min_position=${position}`, undefined, user)
  t.match(listed.json(), { data: [{ id, subject: 'Offer' }], hasMore: false })
  const others = await ask('GET', '/v1/drafts', undefined, { 'mailtrail-user': 'u2' })
  t.same(others.json<{ data: unknown[] }>().data, [])
  t.equal((await ask('GET', `/v1/drafts/${id}`, undefined, { 'mailtrail-user': 'u2' })).statusCode, 404)
  t.match((await ask('GET', `/v1/drafts/${id}`, undefined, user)).headers.etag, /^"1-/)
  t.match((await ask('POST', `/v1/drafts/${id}/preview`, undefined, user)).json(), {
    html: 'Hi Ann',
    missing: [],
  })

  const refused = await ask('POST', '/v1/outbox', {
    email: email({ html: '{contact.phone}{deal.name}' }),
  })
  t.equal(refused.statusCode, 422)
  t.match(refused.json(), {
    code: 'variable-without-value',
    details: { missing: [{ variable: 'contact.phone' }, { variable: 'deal.name' }] },
  })
  const sent = await ask(
    'POST',
    '/v1/outbox',
    { draftId: id, undoSeconds: 0 },
    { ...user, 'idempotency-key': 's1' },
  )
  t.equal(sent.statusCode, 201, sent.body)
  const repeated = await ask(
    'POST',
    '/v1/outbox',
    { draftId: id, undoSeconds: 0 },
    { ...user, 'idempotency-key': 's1' },
  )
  t.equal(repeated.body, sent.body)
  t.equal((await ask('GET', `/v1/drafts/${id}`, undefined, user)).statusCode, 404)
  await sendUntil('sent', id)
  const { raw } = await sink.mailWith(id)
  t.match(raw.toString(), 'Hi Ann')
  const wire = await ask('GET', `/v1/outbox/${id}/raw?form=wire`)
  t.equal(wire.headers['content-type'], 'message/rfc822')
  t.ok(wire.rawPayload.equals(raw))

  const thrown = await ask('POST', '/v1/drafts', { accountId: world.account.now.accountId })
  const { id: other } = thrown.json<{ id: string }>()
  t.equal((await ask('DELETE', `/v1/drafts/${other}`)).statusCode, 204)
  t.equal((await ask('GET', `/v1/drafts/${other}`)).statusCode, 404)
})

t.test('bad requests are told as problems', async (t) => {
  const codes = async (payload: object) => (await ask('POST', '/v1/outbox', payload)).statusCode
  t.equal(await codes({}), 400)
  t.equal(await codes({ email: email(), undoSeconds: 61 }), 400)
  t.equal(await codes({ email: email(), scheduledAt: 'tomorrow' }), 400)
  t.equal(await codes({ email: email({ to: [{ address: 'a@b.test\nBcc: e@x.test' }] }) }), 400)
  t.equal(await codes({ email: email({ subject: 'a\r\nBcc: e@x.test' }) }), 400)
  t.equal(await codes({ email: email({ to: [] }) }), 422)
  t.equal(await codes({ draftId: 'out_00000000000000000000000000' }), 404)
  t.equal((await ask('GET', '/v1/outbox/out_00000000000000000000000000')).statusCode, 404)
  t.equal((await ask('POST', '/v1/outbox/out_00000000000000000000000000/cancellation')).statusCode, 404)
  t.equal((await ask('GET', '/v1/outbox?state=nonsense')).statusCode, 400)
  t.equal((await ask('GET', '/v1/outbox?cursor=nonsense')).statusCode, 400)
})
