import { createHash } from 'node:crypto'
import t from 'tap'
import { mailParser } from '../../../src/adapters/mime/parse-pool.ts'
import type { Lease, Leases } from '../../../src/commands/ports/leases.ts'
import {
  confirmDeliveries,
  confirmFoundEmails,
  fileCopies,
  readReports,
  recoverDeadSends,
  sendDue,
  SEND_LANES,
} from '../../../src/commands/sending/automations.ts'
import { fileSentCopy, giveUpOnCopy } from '../../../src/commands/sending/file-sent-copy.ts'
import type { EmailRead } from '../../../src/commands/sending/read-email.ts'
import { untilAnswered } from '../../../src/commands/sending/until-answered.ts'
import { readReport } from '../../../src/commands/sending/read-report.ts'
import { AppendTooLarge, StoreUnavailable } from '../../../src/commands/ports/event-log.ts'
import { MailUnavailable } from '../../../src/commands/ports/mail-provider.ts'
import { accountPaused } from '../../../src/domain/accounts/refusals.ts'
import { UnknownShape } from '../../../src/domain/upcast.ts'
import { EmailQueued } from '../../../src/domain/sending/events.ts'
import { idOf } from '../../support/example-emails.ts'
import { never, sendingWorld, until } from '../../support/sending-world.ts'

/** Leases of one process that has no rivals but itself. */
const leasesHere = (): Leases & { held: Set<string> } => {
  const held = new Set<string>()
  return {
    held,
    acquire: (name): Promise<Lease | null> => {
      if (held.has(name)) return Promise.resolve(null)
      held.add(name)
      const release = () => Promise.resolve(void held.delete(name))
      return Promise.resolve({ name, generation: 1, signal: never, release })
    },
  }
}
const clock = () => new Date()
const unread: EmailRead = { loaded: { state: { status: 'none' }, revision: -1, position: null }, mime: null }
const read = () => Promise.resolve(unread)
const nothingBeingSent = {
  emailsBeingSent: () => Promise.resolve([]),
  recover: () => Promise.resolve(),
  read,
}

t.test('an account at which the sender itself fails keeps no other from sending', async (t) => {
  const due = new Map([
    ['broken', ['b1']],
    ['well', ['w1']],
  ])
  const work = sendDue({
    leases: leasesHere(),
    clock,
    ...nothingBeingSent,
    accountsWithDue: () => Promise.resolve([...due.keys()]),
    dueEmails: (id) => Promise.resolve(due.get(id) ?? []),
    send: async (_caller, id) => {
      if (id === 'b1') throw new Error('the passwords cannot be opened')
      due.delete('well')
      return 'sent'
    },
  })
  await t.rejects(work(never), { message: 'the passwords cannot be opened' }, 'it is told')
  t.equal(await work(never), true, 'and the other has its turn')
  t.notOk(due.has('well'))
})

t.test(
  'a server that does not answer keeps no other account waiting, and no email is left out',
  async (t) => {
    const due = new Map([
      ['slow', ['s1']],
      ['quick', ['q1', 'q2', 'q3', 'q4', 'q5']],
      ['other', ['o1']],
    ])
    const slow = Promise.withResolvers<'sent'>()
    const sent: string[] = []
    const leases = leasesHere()
    const work = sendDue({
      leases,
      clock,
      ...nothingBeingSent,
      accountsWithDue: () => Promise.resolve([...due].flatMap(([id, ids]) => (ids.length > 0 ? [id] : []))),
      dueEmails: (id, limit) => Promise.resolve((due.get(id) ?? []).slice(0, limit)),
      send: async (_caller, id) => {
        const result = id.startsWith('s') ? await slow.promise : 'sent'
        sent.push(id)
        for (const [account, ids] of due)
          due.set(
            account,
            ids.filter((each) => each !== id),
          )
        return result
      },
    })
    const first = work(never)
    await until(() => leases.held.has('send:slow'), 'the slow one is being sent for')
    while (await work(never)) t.ok(sent.length > 0)
    t.same(new Set(sent), new Set(['q1', 'q2', 'q3', 'q4', 'q5', 'o1']))
    slow.resolve('sent')
    t.ok(await first)
    t.equal(sent.length, 7)
    t.same([...leases.held], [])
    t.ok(SEND_LANES > 1)
  },
)

t.test(
  'an account whose server puts everything off rests; one email goes ahead when it is tried again',
  async (t) => {
    let tried = 0
    let answer: 'deferred' | 'sent' = 'deferred'
    const ids = Array.from({ length: 100 }, (_, n) => `m${n}`)
    const work = sendDue({
      leases: leasesHere(),
      clock,
      ...nothingBeingSent,
      accountsWithDue: () => Promise.resolve(['a']),
      dueEmails: (_id, limit) => Promise.resolve(ids.slice(0, limit)),
      send: () => {
        tried++
        return Promise.resolve(answer)
      },
      restMs: { first: 200, most: 400 },
    })
    t.ok(await work(never))
    t.ok(tried >= 10 && tried < 15, `${tried} of 100 were tried`)
    const before = tried
    t.notOk(await work(never))
    t.equal(tried, before, 'it rests')
    await until(() => work(never), 'it is tried again')
    t.equal(tried, before + 1, 'by one email, and rests on')
    answer = 'sent'
    await until(() => work(never), 'it is tried again')
    t.equal(tried, before + 1 + ids.length, 'all follow the one that went')
  },
)

t.test('an account does not rest because the log was away: it sends as soon as it is back', async (t) => {
  let away = true
  const work = sendDue({
    leases: leasesHere(),
    clock,
    ...nothingBeingSent,
    accountsWithDue: () => Promise.resolve(['a']),
    dueEmails: (_id, limit) => Promise.resolve(['x', 'y', 'z'].slice(0, limit)),
    send: () => (away ? Promise.reject(new StoreUnavailable('away')) : Promise.resolve('sent')),
    restMs: { first: 600_000, most: 600_000 },
  })
  for (const _ of [1, 2, 3]) await t.rejects(work(never))
  away = false
  t.equal(await work(never), true)
})

t.test('a fault in one email is told and keeps no other back', async (t) => {
  const sent: string[] = []
  const work = sendDue({
    leases: leasesHere(),
    clock,
    ...nothingBeingSent,
    accountsWithDue: () => Promise.resolve(['a']),
    dueEmails: (_id, limit) => Promise.resolve(['x', 'y', 'z'].slice(0, limit)),
    send: (_caller, id) => {
      if (id === 'x') return Promise.reject(new Error('broken'))
      sent.push(id)
      return Promise.resolve('sent')
    },
  })
  await t.rejects(work(never), /broken/)
  t.same(sent.toSorted(), ['y', 'z'])
})

t.test('what is being released is left to who holds the lease of its account', async (t) => {
  const leases = leasesHere()
  const recovered: string[] = []
  const work = recoverDeadSends({
    leases,
    clock,
    emailsBeingSent: () =>
      Promise.resolve([
        { id: 'm1', accountId: 'alive' },
        { id: 'm2', accountId: 'dead' },
        { id: 'm3', accountId: 'dead' },
      ]),
    recover: (_caller, id) => Promise.resolve(void recovered.push(id)),
  })
  await leases.acquire('send:alive', never)
  await work(never)
  t.same(recovered, ['m2', 'm3'])
})

t.test('what cannot be recovered keeps neither other messages nor what is due from their turn', async (t) => {
  const done: string[] = []
  const stuck = Array.from({ length: 60 }, (_, n) => ({ id: `stuck${n}`, accountId: 'a' }))
  const beingSent = {
    emailsBeingSent: (_accountId: string | null, limit: number) =>
      Promise.resolve([...stuck, { id: 'well', accountId: 'a' }].slice(0, limit)),
    recover: (_caller: unknown, id: string) =>
      id === 'well' ? Promise.resolve(void done.push(id)) : Promise.reject(new Error(id)),
  }
  const recover = recoverDeadSends({ leases: leasesHere(), clock, ...beingSent })
  await t.rejects(recover(never), /50 of 50 failed/, 'it is told')
  await t.rejects(recover(never), /10 of 11 failed/, 'those that failed rest')
  t.same(done, ['well'])

  const send = sendDue({
    leases: leasesHere(),
    clock,
    ...beingSent,
    read,
    accountsWithDue: () => Promise.resolve(['a']),
    dueEmails: () => Promise.resolve(done.includes('due') ? [] : ['due']),
    send: (_caller, id) => Promise.resolve((done.push(id), 'sent')),
  })
  await t.rejects(send(never), /50 of 50 failed/)
  t.same(done, ['well', 'due'])
})

t.test('what fails for good hides nothing that stands behind it on a list', async (t) => {
  const ids = [...Array.from({ length: 60 }, (_, n) => `bad${n}`), 'good']
  const page = (limit: number) => ids.slice(0, limit)
  for (const automation of [
    (work: (id: string) => Promise<void>) =>
      confirmDeliveries({
        clock,
        dueDeliveries: (limit) =>
          Promise.resolve(page(limit).map((id) => ({ id, seenUntil: clock().toISOString() }))),
        confirm: (_caller, { id }) => work(id),
      }),
    (work: (id: string) => Promise<void>) =>
      confirmFoundEmails({
        clock,
        foundEmails: (limit) =>
          Promise.resolve(page(limit).map((id) => ({ id, foundAt: clock().toISOString() }))),
        confirm: (_caller, { outgoingId }) => work(outgoingId),
      }),
    (work: (id: string) => Promise<void>) =>
      readReports({
        clock,
        unreadReports: (limit) =>
          Promise.resolve(
            page(limit).map((messageId) => ({ messageId, accountId: 'a', raw: '', receivedAt: '' })),
          ),
        read: (_caller, { messageId }) => work(messageId),
      }),
  ]) {
    const done: string[] = []
    const work = automation((id) =>
      id === 'good' ? Promise.resolve(void done.push(id)) : Promise.reject(new Error(id)),
    )
    await t.rejects(work(never), /50 of 50 failed/)
    await t.rejects(work(never), /10 of 11 failed/)
    t.same(done, ['good'])
  }
})

t.test('a mailbox that is away is left alone, and after a week no copy is waited for', async (t) => {
  const world = await sendingWorld(t)
  const id = await world.queue()
  await world.send(id)
  let asked = 0
  const away = new MailUnavailable('temporary', 'unreachable', 'Away', 'Wait')
  const filing = () =>
    fileCopies({
      leases: leasesHere(),
      clock: world.clock,
      openMailbox: () => {
        asked++
        return Promise.reject(away)
      },
      copiesToFile: () => Promise.resolve([{ accountId: world.account.now.accountId, ids: [id] }]),
      file: fileSentCopy(world.needs),
      giveUp: giveUpOnCopy(world.needs),
    })
  const file = filing()
  await file(never)
  await file(never)
  t.equal(asked, 1, 'asked again only later')
  t.same((await world.types(id)).at(-1), 'EmailSent')
  world.time.now += 8 * 24 * 3_600_000
  await filing()(never)
  t.match((await world.events(id)).at(-1), { type: 'SentCopyFiled', data: { outcome: 'impossible' } })
})

/** What qmail writes: no parts, and of the mail only what its header says. */
const notice = (outgoingId: string, to: string, words: string): Buffer =>
  Buffer.from(
    [
      'Return-Path: <>',
      'From: MAILER-DAEMON@mx.client.test',
      'To: me@shop.test',
      'Subject: failure notice',
      '',
      'Hi. This is the qmail-send program at mx.client.test.',
      '',
      ...(to === '' ? [] : [`<${to}>:`]),
      words,
      '',
      '--- Below this line is a copy of the message.',
      '',
      'Return-Path: <me@shop.test>',
      'Message-ID: <4711@relay.test>',
      `X-Mailtrail-Id: ${outgoingId}`,
      'Subject: Hello',
      '',
    ].join('\r\n'),
  )

const report = (messageId: string, action: string, recipient: string) =>
  Buffer.from(
    [
      'From: MAILER-DAEMON@mx.client.test',
      'To: me@acme.test',
      'Subject: Undelivered Mail Returned to Sender',
      'Message-ID: <report@mx.client.test>',
      'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
      'MIME-Version: 1.0',
      '',
      '--b',
      'Content-Type: text/plain',
      '',
      'It could not be delivered.',
      '--b',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; mx.client.test',
      '',
      `Final-Recipient: rfc822; ${recipient}`,
      `Action: ${action}`,
      'Status: 5.1.1',
      '',
      '--b',
      'Content-Type: text/rfc822-headers',
      '',
      `Message-ID: <${messageId}>`,
      'Subject: Our offer',
      '',
      '--b--',
      '',
    ].join('\r\n'),
  )

t.test(
  'a bounce in the mailbox withdraws the delivery of the email that it names, once, and of no other',
  async (t) => {
    const world = await sendingWorld(t)
    const parser = mailParser()
    t.teardown(() => parser.close())
    const sentTo = async (...addresses: string[]) => {
      const id = await world.queue({ to: addresses.map((address) => ({ address })) })
      await world.send(id)
      const state = await world.state(id)
      return { id, messageId: 'email' in state ? state.email.header.messageId : '' }
    }
    const unread: Parameters<ReturnType<typeof readReport>>[1][] = []
    const work = readReports({
      clock: world.clock,
      unreadReports: () => Promise.resolve(unread),
      read: readReport({ ...world.needs, parser }),
    })
    const arrives = async (raw: Buffer, accountId = world.account.now.accountId) => {
      const hash = createHash('sha256').update(raw).digest('hex')
      await world.blobs.put([{ hash, content: raw }])
      const messageId = idOf('msg', unread.length + 1)
      unread.push({ messageId, accountId, raw: hash, receivedAt: world.clock().toISOString() })
      await work(never)
      const [read, ...more] = await world.store.readStream(`report-${messageId}`)
      t.same(more, [])
      return read!.data as { outgoingId: string | null }
    }
    const one = await sentTo('ann@client.test')
    t.equal((await arrives(report(one.messageId, 'failed', 'ann@client.test'))).outgoingId, one.id)
    t.match((await world.events(one.id)).slice(3), [
      {
        type: 'EmailBounced',
        data: {
          recipient: 'ann@client.test',
          permanent: true,
          status: '5.1.1',
          kind: 'no-such-mailbox',
          hard: true,
        },
      },
    ])
    const worded = await sentTo('ann@client.test', 'bob@client.test')
    const read = await arrives(notice(worded.id, 'bob@client.test', '552 5.2.2 Mailbox full'))
    t.match(read, {
      outgoingId: worded.id,
      recipients: [{ address: 'bob@client.test', code: 552, diagnostic: '552 5.2.2 Mailbox full' }],
    })
    t.match((await world.events(worded.id)).slice(3), [
      { data: { recipient: 'bob@client.test', permanent: true, status: '5.2.2', kind: 'full', hard: false } },
    ])
    const nameless = await sentTo('ann@client.test')
    await arrives(notice(nameless.id, '', 'The message could not be delivered.'))
    t.match((await world.events(nameless.id)).slice(3), [
      { data: { recipient: 'ann@client.test', permanent: true, status: null, kind: 'other' } },
    ])
    const forwarded = await sentTo('ann@client.test')
    await arrives(report(forwarded.messageId, 'failed', 'ann.lee@elsewhere.test'))
    t.match((await world.events(forwarded.id)).slice(3), [{ data: { recipient: 'ann@client.test' } }])

    const two = await sentTo('ann@client.test', 'bob@client.test')
    await arrives(report(two.messageId, 'failed', 'stranger@client.test'))
    await arrives(report(two.messageId, 'relayed', 'bob@client.test'))
    t.match(
      (await world.events(two.id)).slice(3),
      [{ data: { recipient: null, permanent: true } }],
      'where one of them has it sent on to, it is not known which',
    )
    await arrives(report(two.messageId, 'delayed', 'BOB@client.test'))
    t.match((await world.events(two.id)).slice(4), [
      { data: { recipient: 'bob@client.test', permanent: false } },
    ])

    const quiet = await sentTo('ann@client.test')
    t.equal(
      (await arrives(report(quiet.messageId, 'failed', 'ann@client.test'), idOf('acc', 9))).outgoingId,
      null,
    )
    t.equal((await arrives(report('somebody@else.test', 'failed', 'ann@client.test'))).outgoingId, null)
    t.equal((await arrives(Buffer.from('not a report at all'))).outgoingId, null)
    t.equal((await world.types(quiet.id)).length, 3)
  },
)

t.test('a command is repeated for as long as the store is away, and not when it has answered', async (t) => {
  let asked = 0
  const failing = (fault: Error, times: number) => () => {
    asked++
    return asked <= times ? Promise.reject(fault) : Promise.resolve('done')
  }
  t.equal(await untilAnswered(failing(new Error('away'), 3), 10_000), 'done')
  t.equal(asked, 4)
  asked = 0
  const world = await sendingWorld(t)
  const [ofNewerVersion] = await world.store.readStream(`outgoing-${await world.queue()}`)
  for (const answer of [
    accountPaused(),
    new AppendTooLarge('outgoing-1'),
    new UnknownShape(ofNewerVersion!, EmailQueued),
  ]) {
    asked = 0
    await t.rejects(untilAnswered(failing(answer, 3), 10_000), answer)
    t.equal(asked, 1)
  }
  asked = 0
  await t.rejects(untilAnswered(failing(new Error('away'), 1000), 60), /away/)
  t.ok(asked > 1)
})
