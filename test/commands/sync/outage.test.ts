import t from 'tap'
import { StoreUnavailable } from '../../../src/commands/ports/event-log.ts'
import { mail, syncRig } from '../../support/mailbox-to-sync.ts'

t.test('an outage of the log is no failure of the mailbox, and of none of its messages', async (t) => {
  const rig = await syncRig(t, { inbox: Array.from({ length: 30 }, (_, n) => mail(n + 1)) })
  let stored = 0
  let away = false
  const append: typeof rig.store.append = async (what) => {
    if (what.stream.startsWith('message-')) away ||= ++stored > 10
    if (away) throw new StoreUnavailable('The log does not answer')
    return rig.store.append(what)
  }
  const store = { ...rig.store, append }
  const parts = { store, handle: rig.handleOn(store) }
  await t.rejects(rig.run(undefined, 'schedule', parts), { name: 'StoreUnavailable' })
  t.same(await rig.eventsOf('SyncRunFinished'), [])
  away = false
  stored = -Infinity
  t.match(await rig.run(undefined, 'schedule', parts), { kind: 'done', outcome: 'success' })
  t.match(
    (await rig.eventsOf('SyncRunFinished')).map(({ data }) => data),
    [{ outcome: 'abandoned' }, { outcome: 'success' }],
  )
  t.equal((await rig.eventsOf('MessageSynced')).length, 30)
  t.notOk(JSON.stringify(await rig.eventsOf('ChangesSynced')).includes('not-stored'), 'no message is blamed')
})
