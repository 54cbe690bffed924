import PostalMime from 'postal-mime'
import t from 'tap'
import { confirmDelivery } from '../../../src/commands/sending/confirm-delivery.ts'
import { fileSentCopy } from '../../../src/commands/sending/file-sent-copy.ts'
import { recordBounce } from '../../../src/commands/sending/record-bounce.ts'
import { at, idOf } from '../../support/example-emails.ts'
import { never, sendingWorld } from '../../support/sending-world.ts'

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
