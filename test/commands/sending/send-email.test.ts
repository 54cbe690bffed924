import t from 'tap'
import { rightsOfOwner } from '../../../src/domain/accounts/access-rights.ts'
import { contentDamaged, ContentUnreliable } from '../../../src/commands/ports/blobs.ts'
import type { EventStore } from '../../../src/commands/ports/event-log.ts'
import type { MailProvider } from '../../../src/commands/ports/mail-provider.ts'
import { cancelEmail } from '../../../src/commands/sending/cancel-email.ts'
import { recoverReleased } from '../../../src/commands/sending/recover-released.ts'
import { readEmail } from '../../../src/commands/sending/read-email.ts'
import { sendEmail } from '../../../src/commands/sending/send-email.ts'
import { settleEmail } from '../../../src/commands/sending/settle-email.ts'
import { memoryBlobStore } from '../../support/memory-blob-store.ts'
import { memoryEventStore } from '../../support/memory-event-store.ts'
import { Refused } from '../../../src/domain/refusal.ts'
import { never, sendingWorld } from '../../support/sending-world.ts'

t.test('an email is sent once, however many senders are at it', async (t) => {
  const world = await sendingWorld(t)
  for (let round = 0; round < 5; round++) {
    const id = await world.queue()
    const results = await Promise.all(Array.from({ length: 5 }, () => world.send(id)))
    t.equal(results.filter((result) => result === 'sent').length, 1)
    t.ok(results.every((result) => ['sent', 'withdrawn', 'over'].includes(result)))
    t.same(await world.types(id), ['EmailQueued', 'EmailReleased', 'EmailSent'])
  }
  t.equal(world.sink.messages.length, 5)
  t.equal(await world.send((await world.queue()) + 'x').catch(() => 'over'), 'over')
})

t.test('what happened to an email after it was read ahead decides, not what was read', async (t) => {
  const world = await sendingWorld(t)
  const readAhead = async () => {
    const id = await world.queue()
    const read = await readEmail(world.needs)(id)
    return {
      id,
      send: () => sendEmail(world.needs)(world.caller('sender'), id, never, Promise.resolve(read)),
    }
  }
  const cancelled = await readAhead()
  await cancelEmail(world.needs)(world.caller(), cancelled.id)
  t.equal(await cancelled.send(), 'withdrawn')
  const sent = await readAhead()
  t.equal(await world.send(sent.id), 'sent')
  t.equal(await sent.send(), 'withdrawn')
  const paused = await readAhead()
  world.account.now = { ...world.account.now, status: 'paused' }
  t.equal(await paused.send(), 'paused')
  t.same(await world.types(cancelled.id), ['EmailQueued', 'EmailCancelled'])
  t.equal(world.sink.messages.length, 1)
})

t.test('what is sent are the bytes that were fixed when it was queued', async (t) => {
  const world = await sendingWorld(t)
  const id = await world.queue({
    cc: [{ address: 'bob@client.test' }],
    bcc: [{ address: 'eve@client.test' }],
  })
  t.equal(await world.send(id), 'sent')
  const [queued, , sent] = await world.events(id)
  const data = queued!.data as { mime: { blob: string } }
  const email = await world.sink.mailWith(id)
  t.ok(email.raw.equals((await world.blobs.get(data.mime.blob))!))
  t.same(email.envelope.recipients, ['ann@client.test', 'bob@client.test', 'eve@client.test'])
  t.notMatch(email.raw.toString(), /eve@client/)
  t.match(sent!.data, {
    evidence: 'answer',
    attempt: 1,
    accepted: ['ann@client.test', 'bob@client.test', 'eve@client.test'],
  })
  t.equal(sent!.metadata.actor.id, 'sender')
})

t.test(
  'a cancel and a release have one winner each time: never cancelled and sent, never neither',
  async (t) => {
    const world = await sendingWorld(t)
    const isCancelled = (id: string) =>
      cancelEmail(world.needs)(world.caller(), id).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Refused && error.code === 'too-late-to-cancel') return false
          throw error
        },
      )
    const ledger = new Set<string>()
    /** One round: the cancel comes so many steps before or after the release is asked for. */
    const round = async (steps: number, real: boolean): Promise<boolean> => {
      const id = await world.queue()
      let cancelled: Promise<boolean> | undefined
      const racing: MailProvider = {
        ...world.provider,
        send: async (access, email, release, signal) => {
          const ask = async (handle: string | null) => {
            const cancel = async () => {
              for (let step = 0; step < steps; step++) await Promise.resolve()
              return isCancelled(id)
            }
            cancelled = cancel()
            for (let step = 0; step < -steps; step++) await Promise.resolve()
            return release(handle)
          }
          if (real) return world.provider.send(access, email, ask, signal)
          if (!(await ask(null))) return { kind: 'withdrawn' }
          ledger.add(id)
          return { kind: 'sent', accepted: [...email.envelope.recipients], refused: [], putOff: [] }
        },
      }
      await sendEmail({ ...world.needs, providerOf: () => racing })(world.caller(), id, never)
      const wasCancelled = (await cancelled) ?? false
      const went = real ? world.sink.messages.some(({ raw }) => raw.includes(id)) : ledger.has(id)
      const { status } = await world.state(id)
      if (status !== (wasCancelled ? 'cancelled' : 'sent') || went === wasCancelled)
        t.fail(`cancelled: ${wasCancelled}, went: ${went}, status: ${status}`)
      return wasCancelled
    }
    const race = async (rounds: number, real: boolean) => {
      let cancelled = 0
      for (let nth = 0; nth < rounds; nth++) if (await round((nth % 21) - 10, real)) cancelled++
      t.comment(`${cancelled} of ${rounds} cancelled`)
      t.ok(cancelled > 0 && cancelled < rounds, 'both win some')
      t.equal(real ? world.sink.messages.length : ledger.size, rounds - cancelled)
    }
    await race(600, false)
    await race(42, true)
  },
)

t.test(
  'an answer that is lost after the dot leaves the email unknown, and it is not sent again',
  async (t) => {
    const world = await sendingWorld(t)
    const id = await world.queue()
    world.sink.faults.verdict = () => 'drop'
    t.equal(await world.send(id), 'unknown')
    t.same(await world.types(id), ['EmailQueued', 'EmailReleased', 'EmailOutcomeLost'])
    world.sink.faults.verdict = () => 'accept'
    world.time.now += 100 * 3_600_000
    t.equal(await world.send(id), 'over')
    t.equal(world.sink.messages.length, 1)

    const settle = settleEmail(world.needs)
    await settle(world.caller(), { outgoingId: id, decision: 'send-again' })
    t.equal(await world.send(id), 'sent', 'a person may have it sent again')
    t.equal(world.sink.messages.length, 2)
    await t.rejects(settle(world.caller(), { outgoingId: id, decision: 'send-again' }), {
      code: 'nothing-to-settle',
    })
  },
)

t.test(
  'where the provider has a name for an email, a lost answer is looked up and not recorded',
  async (t) => {
    const world = await sendingWorld(t)
    const id = await world.queue()
    const provider: MailProvider = {
      ...world.provider,
      send: async (_access, _email, release) => {
        await release('draft-1')
        return { kind: 'unknown', reason: 'lost' }
      },
    }
    const send = sendEmail({ ...world.needs, providerOf: () => provider })
    t.equal(await send(world.caller(), id, never), 'unknown')
    t.same(await world.types(id), ['EmailQueued', 'EmailReleased'])
  },
)

t.test('4xx puts off, before the dot and after it, and the email is sent later', async (t) => {
  const world = await sendingWorld(t)
  const id = await world.queue()
  world.sink.faults.recipientCodes = { 'ann@client.test': 450 }
  t.equal(await world.send(id), 'deferred')
  t.equal(await world.send(id), 'not-due')
  world.sink.faults.recipientCodes = {}
  world.sink.faults.verdict = () => 451
  world.time.now += 7_500
  t.equal(await world.send(id), 'deferred')
  world.sink.faults.verdict = () => 'accept'
  world.time.now += 15_000
  t.equal(await world.send(id), 'sent')
  t.same(await world.types(id), [
    'EmailQueued',
    'EmailDeferred',
    'EmailReleased',
    'EmailDeferred',
    'EmailReleased',
    'EmailSent',
  ])
  t.equal(world.sink.messages.length, 1)
})

t.test('5xx fails with a remedy, and is tried again when a person says so', async (t) => {
  const world = await sendingWorld(t)
  const refused = await world.queue()
  world.sink.faults.recipientCodes = { 'ann@client.test': 550 }
  t.equal(await world.send(refused), 'failed')
  const [, failure] = await world.events(refused)
  t.equal(failure?.type, 'EmailFailed')
  const told = failure?.data as { remedy: string; refused: unknown[] }
  t.ok(told.remedy.length > 10)
  t.match(told.refused, [{ address: 'ann@client.test', code: 550 }])
  world.time.now += 100 * 3_600_000
  t.equal(await world.send(refused), 'over')
  world.sink.faults.recipientCodes = {}
  await settleEmail(world.needs)(world.caller(), { outgoingId: refused, decision: 'send-again' })
  t.equal(await world.send(refused), 'sent')

  const content = await world.queue()
  world.sink.faults.verdict = () => 554
  t.equal(await world.send(content), 'failed')
  t.same(await world.types(content), ['EmailQueued', 'EmailReleased', 'EmailFailed'])
})

t.test('a recipient that is refused is named, and the others get the email', async (t) => {
  const world = await sendingWorld(t)
  const id = await world.queue({ cc: [{ address: 'gone@client.test' }] })
  world.sink.faults.recipientCodes = { 'gone@client.test': 550 }
  t.equal(await world.send(id), 'sent')
  const sent = (await world.events(id)).at(-1)!
  t.match(sent.data, { accepted: ['ann@client.test'], refused: [{ address: 'gone@client.test', code: 550 }] })
  t.same((await world.sink.mailWith(id)).envelope.recipients, ['ann@client.test'])
})

t.test('an email whose bytes were changed in the store, or are gone, is not sent', async (t) => {
  for (const [code, get] of [
    ['content-damaged', (hash: string) => Promise.reject(new ContentUnreliable(contentDamaged, hash))],
    ['content-missing', () => Promise.resolve(null)],
  ] as const) {
    const blobs = memoryBlobStore()
    const world = await sendingWorld(t, { blobs })
    const id = await world.queue()
    blobs.get = get
    t.equal(await world.send(id), 'failed')
    t.match((await world.events(id)).at(-1)!.data, { code })
    t.equal(world.sink.messages.length, 0)
  }
})

t.test('a waiting email is held back by what happened meanwhile', async (t) => {
  const world = await sendingWorld(t)
  const paused = await world.queue()
  world.account.now = { ...world.account.now, status: 'paused' }
  t.equal(await world.send(paused), 'paused')
  t.same(await world.types(paused), ['EmailQueued'])
  world.account.now = { ...world.account.now, status: 'active' }
  t.equal(await world.send(paused), 'sent')

  const failure = async (id: string) => {
    t.equal(await world.send(id), 'failed')
    return ((await world.events(id)).at(-1)!.data as { code: string }).code
  }
  const orphan = await world.queue()
  world.account.now = { ...world.account.now, status: 'disconnected' }
  t.equal(await failure(orphan), 'account-disconnected')
  world.account.now = { ...world.account.now, status: 'active' }

  const scheduledAt = new Date(world.time.now + 60_000).toISOString()
  const late = await world.queue({}, { scheduledAt })
  t.equal(await world.send(late), 'not-due')
  world.time.now += 7 * 3_600_000
  t.equal(await failure(late), 'overdue')
  await settleEmail(world.needs)(world.caller(), { outgoingId: late, decision: 'send-again' })
  t.equal(await world.send(late), 'sent')

  const waited = await world.queue()
  const forgotten = await world.queue()
  world.account.now = { ...world.account.now, status: 'paused' }
  t.equal(await world.send(forgotten), 'paused')
  world.time.now += 23 * 3_600_000
  world.account.now = { ...world.account.now, status: 'active' }
  t.equal(await world.send(waited), 'sent', 'late, but of that day')
  world.time.now += 20 * 24 * 3_600_000
  t.equal(await failure(forgotten), 'overdue', 'nobody wants it weeks later')
  const again = settleEmail(world.needs)(world.caller(), { outgoingId: forgotten, decision: 'send-again' })
  await t.rejects(again, { code: 'overdue', remedy: /draft/ }, 'and nobody gets it with its old date')

  const caller = world.caller()
  const { queueEmail } = await import('../../../src/commands/sending/queue-email.ts')
  const content = { email: world.input() }
  const asked = { content, scheduledAt: null, undoSeconds: 0 }
  const { outgoingId } = await queueEmail(world.needs)(caller, asked, 'u1')
  const ofRemoved = await queueEmail(world.needs)(world.caller(), asked, 'u1')
  world.account.now = { ...world.account.now, ...rightsOfOwner({ kind: 'user', userId: 'u2' }) }
  t.equal(await failure(outgoingId), 'sender-without-access')
  world.records.users.delete('u1')
  t.equal(await failure(ofRemoved.outgoingId), 'sender-removed')
})

t.test(
  'an email whose sender died between release and answer is told by the Sent folder, or unknown',
  async (t) => {
    const world = await sendingWorld(t, { withImap: true })
    const recover = recoverReleased(world.needs)
    const dying = async (handle: string | null = null) => {
      const id = await world.queue()
      // The process dies after the release: it neither sends nor tells.
      const provider: MailProvider = {
        ...world.provider,
        send: async (_access, _email, release) => {
          await release(handle)
          throw new Error('killed')
        },
      }
      const onlyRelease: typeof world.needs.handle = (decider, stream, command, caller, options) =>
        (command as { do: string }).do === 'release'
          ? world.needs.handle(decider, stream, command, caller, options)
          : Promise.reject(new TypeError('killed'))
      await t.rejects(
        sendEmail({ ...world.needs, handle: onlyRelease, providerOf: () => provider })(
          world.caller(),
          id,
          never,
        ),
        /killed/,
      )
      t.equal((await world.state(id)).status, 'sending')
      t.equal(await world.send(id), 'over')
      return id
    }
    const lost = await dying()
    await recover(world.caller(), lost, never)
    t.equal((await world.state(lost)).status, 'unknown')
    await recover(world.caller(), lost, never)
    t.same(await world.types(lost), ['EmailQueued', 'EmailReleased', 'EmailOutcomeLost'])

    const filed = await dying()
    const state = await world.state(filed)
    if (!('email' in state)) throw new Error('not queued')
    world.imap!.mailbox('me').append('Sent', { raw: (await world.blobs.get(state.email.mime.blob))! })
    await recover(world.caller(), filed, never)
    t.match((await world.events(filed)).at(-1), {
      type: 'EmailSent',
      data: { evidence: 'found', attempt: 1 },
    })

    const away = await dying()
    await world.imap!.close()
    await recover(world.caller(), away, never)
    t.equal((await world.state(away)).status, 'unknown')

    const told = await dying('draft-1')
    t.equal(await recover(world.caller(), told, never), 'later', 'a draft tells when its mailbox is back')
    t.equal((await world.state(told)).status, 'sending')
    world.time.now += 25 * 3_600_000
    t.equal(await recover(world.caller(), told, never), 'done')
    t.equal((await world.state(told)).status, 'unknown', 'nobody waits for ever')
  },
)

/** A store that does the next appends, or not, and then does not answer. */
const unreliable = (store: EventStore): EventStore & { lose: ('before' | 'after')[] } => {
  const lose: ('before' | 'after')[] = []
  return {
    ...store,
    lose,
    append: async (append) => {
      const fault = lose.shift()
      if (fault === 'before') throw new Error('connection lost')
      const appended = await store.append(append)
      if (fault === 'after') throw new Error('connection lost')
      return appended
    },
  }
}

t.test('a store that loses answers changes nothing: released once, the outcome recorded once', async (t) => {
  const store = unreliable(memoryEventStore())
  const world = await sendingWorld(t, { store })
  for (const faults of [['before'], ['after'], ['before', 'after', 'before']] as const) {
    const released = await world.queue()
    store.lose.push(...faults)
    t.equal(await world.send(released), 'sent')
    t.same(await world.types(released), ['EmailQueued', 'EmailReleased', 'EmailSent'])

    const answered = await world.queue()
    world.sink.faults.verdict = () => {
      store.lose.push(...faults)
      return 'accept'
    }
    t.equal(await world.send(answered), 'sent')
    t.same(await world.types(answered), ['EmailQueued', 'EmailReleased', 'EmailSent'])
    delete world.sink.faults.verdict
  }
  t.equal(world.sink.messages.length, 6)
})

t.test(
  'a sender that fails as it should not leaves the email waiting before its release, unknown after',
  async (t) => {
    const world = await sendingWorld(t)
    const broken = (released: boolean): MailProvider => ({
      ...world.provider,
      send: async (_access, _email, release) => {
        if (released) await release(null)
        throw new TypeError('a mistake')
      },
    })
    for (const [released, status] of [
      [false, 'deferred'],
      [true, 'unknown'],
    ] as const) {
      const id = await world.queue()
      const sent = sendEmail({ ...world.needs, providerOf: () => broken(released) })(
        world.caller(),
        id,
        never,
      )
      await t.rejects(sent, /a mistake/)
      t.equal((await world.state(id)).status, status)
    }
  },
)
