import t from 'tap'
import { dismissWithheld } from '../../../src/commands/accounts/dismiss-withheld.ts'
import type { ChangeSet, MailboxSession, OpenMailbox } from '../../../src/commands/ports/mail-provider.ts'
import { NotFound } from '../../../src/domain/decider.ts'
import type { WithheldMessage } from '../../../src/domain/sync/events.ts'
import { accountId } from '../../support/example-sync-events.ts'
import {
  callerNow,
  mail,
  numbers,
  outcomeOf,
  placeIn,
  syncRig,
  telling,
  uidOf,
  type Rig,
} from '../../support/mailbox-to-sync.ts'

/** What is withheld after the last run, as `<uid> <attempts>`. */
const withheldIn = async (rig: Rig): Promise<string[]> => {
  const last = (await rig.eventsOf('SyncRunStarted', 'ChangesSynced')).at(-1)!
  const { withheld } = last.data as { withheld: WithheldMessage[] }
  return withheld.map(({ placement, attempts }) => `${uidOf(placement.ref)} ${attempts}`).toSorted()
}

const failuresIn = async (rig: Rig): Promise<object[]> =>
  (await rig.eventsOf('ChangesSynced')).flatMap(({ data }) => (data as { failures: object[] }).failures)

t.test('a message that the mailbox withholds is named, and asked for until it is handed out', async (t) => {
  const rig = await syncRig(t, { inbox: numbers(20).map((n) => mail(n)) })
  rig.server.faults.failUids = new Set([7, 11])
  t.equal(outcomeOf(await rig.run()), 'partial')
  t.match(await rig.countsOf(1), { listed: 20, stored: 18, failed: 2 })
  t.strictSame(await withheldIn(rig), ['11 1', '7 1'])
  rig.mailbox.remove('INBOX', 11)
  t.equal(outcomeOf(await rig.run()), 'partial')
  t.strictSame(await withheldIn(rig), ['7 2'], 'what was deleted meanwhile is withheld no more')
  t.equal(outcomeOf(await rig.run()), 'partial')
  t.equal(outcomeOf(await rig.run()), 'success', 'after three times it is left alone')
  t.strictSame(await withheldIn(rig), ['7 3'], 'and not forgotten')
  rig.later(31)
  t.equal(outcomeOf(await rig.run()), 'partial', 'it is asked for again after half an hour')
  t.equal(outcomeOf(await rig.run()), 'success')
  t.strictSame(await withheldIn(rig), ['7 4'])
  rig.server.faults.failUids = new Set()
  t.equal(outcomeOf(await rig.run(undefined, 'request')), 'success', 'and when a person asks')
  t.match(await rig.countsOf(7), { listed: 1, stored: 1 })
  t.strictSame(await withheldIn(rig), [])
})

t.test('a mailbox that withholds too much ends the run where it is, and nothing is dropped', async (t) => {
  const rig = await syncRig(t)
  const folders = [{ folder: 'INBOX', role: 'inbox' }] as const
  const sets = numbers(6).map((nth): ChangeSet => {
    const placements = numbers(200, nth * 200).map((n) => placeIn('INBOX', `1.${n}`))
    const changes = placements.map((placement) => ({ kind: 'added', placement }) as const)
    return { kind: 'changes', folders, changes, cursor: { scope: 'all', at: String(nth) } }
  })
  let withholds = true
  const openMailbox: OpenMailbox = async (id, signal) => {
    const session = await telling(rig, ...sets)(id, signal)
    const raw: MailboxSession['raw'] = async function* (placements) {
      const receivedAt = new Date().toISOString()
      for (const placement of placements)
        yield withholds
          ? { placement, missing: 'withheld' }
          : { placement, flags: [], receivedAt, ...mail(placement.ref) }
    }
    return session && { ...session, raw }
  }
  const run = () => rig.run(undefined, 'schedule', { openMailbox })
  t.equal(outcomeOf(await run()), 'failed')
  t.match((await rig.events()).at(-1), { data: { code: 'too-many-withheld', kind: 'temporary' } })
  t.equal((await withheldIn(rig)).length, 1000)
  t.match((await rig.eventsOf('ChangesSynced')).at(-1), { data: { cursor: { at: '5' } } })
  withholds = false
  t.equal(outcomeOf(await run()), 'success')
  t.equal((await rig.whatLies()).length, 1200)
  t.strictSame(await withheldIn(rig), [])
})

t.test('a message that cannot be stored fails alone, is told of, and is tried again', async (t) => {
  const rig = await syncRig(t, { inbox: numbers(30).map((n) => mail(n)) })
  let broken = true
  const put: typeof rig.deps.blobs.put = async (blobs) => {
    const isThatOne = blobs.some(({ content }) => Buffer.from(content).includes('subject 7\r\n'))
    if (broken && isThatOne) throw new Error('the disk has a hole')
    return rig.deps.blobs.put(blobs)
  }
  const blobs = { ...rig.deps.blobs, put }
  t.equal(outcomeOf(await rig.run(undefined, 'schedule', { blobs })), 'partial')
  t.match(await rig.countsOf(1), { listed: 30, stored: 29, failed: 1 })
  t.match(rig.faults, [{ message: 'the disk has a hole' }])
  const recorded = await rig.eventsOf('ChangesSynced')
  t.match(recorded.at(-1), { data: { withheld: [{ why: 'not-stored', attempts: 1 }] } })
  t.match(await failuresIn(rig), [{ reason: /could not be stored/ }])
  broken = false
  t.equal(outcomeOf(await rig.run(undefined, 'schedule', { blobs })), 'success')
  t.match(await rig.countsOf(2), { listed: 1, stored: 1 })
  t.equal((await rig.eventsOf('MessageSynced')).length, 30)
})

t.test('a message that is larger than is taken says so', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1)] })
  const openMailbox: OpenMailbox = async (id, signal) => {
    const session = await rig.deps.openMailbox(id, signal)
    const raw: MailboxSession['raw'] = async function* (placements) {
      for (const placement of placements) yield { placement, missing: 'too-large' }
    }
    return session && { ...session, raw }
  }
  t.equal(outcomeOf(await rig.run(undefined, 'schedule', { openMailbox })), 'partial')
  t.match((await rig.eventsOf('ChangesSynced')).at(-1), {
    data: { withheld: [{ why: 'too-large' }] },
  })
  t.match(await failuresIn(rig), [{ reason: /larger than Mailtrail takes/ }])
})

t.test('a message that a person dismissed is not asked for any more', async (t) => {
  const rig = await syncRig(t, { inbox: numbers(3).map((n) => mail(n)) })
  rig.server.faults.failUids = new Set([2])
  t.equal(outcomeOf(await rig.run()), 'partial')
  const { withheld } = (await rig.eventsOf('ChangesSynced')).at(-1)!.data as { withheld: WithheldMessage[] }
  const { folder, ref } = withheld[0]!.placement
  const dismiss = (isWithheld: boolean) =>
    dismissWithheld({ ...rig.deps, isWithheld: async () => isWithheld })(callerNow(), accountId, {
      folder,
      ref,
    })
  await t.rejects(dismiss(false), NotFound, 'only what is an error')
  await dismiss(true)
  await dismiss(false)
  t.equal((await rig.eventsOf('WithheldMessageDismissed')).length, 1, 'the second time nothing happens')
  t.equal(outcomeOf(await rig.run()), 'success')
  t.match(await rig.countsOf(2), { listed: 0 })
})
