import type { Test } from 'tap'
import type { MailboxSession } from '../../src/commands/ports/mail-provider.ts'
import type { Placement } from '../../src/domain/sync/events.ts'
import { asking, gather, inSession, messageIdOf, mimeOf, type OpenHarness } from './mail-provider-harness.ts'

/** Where the messages in these folders are, and their bytes, by Message-ID. */
const foundIn = async (session: MailboxSession, ...folders: string[]) => {
  const placements: Placement[] = []
  for (const set of await gather(session.changes(asking({ folders }))))
    if (set.kind === 'changes')
      for (const change of set.changes) if (change.kind === 'added') placements.push(change.placement)
  const found = new Map<string, { placement: Placement; raw: Buffer }>()
  for (const message of await gather(session.raw(placements)))
    if ('raw' in message) found.set(messageIdOf(message.raw), message)
  return found
}

/** The trash: what is moved into it is there whole, nothing else is, and nothing is deleted for good. */
export const trashContract = (t: Test, open: OpenHarness): void => {
  t.test('what goes into the trash leaves its folders, is whole, and can go there twice', async (t) => {
    const harness = await open(t)
    const { mailbox, folders } = harness
    await mailbox.deliver(folders.inbox, mimeOf('one@x'), { flags: ['deleted'] })
    await mailbox.deliver(folders.inbox, mimeOf('stays@x'), { flags: ['deleted'] })
    await mailbox.deliver(folders.archive, mimeOf('two@x'))
    await inSession(harness, async (session) => {
      if (session.moveToTrash === undefined) return t.pass('this mailbox offers no such thing')
      const moveToTrash = (places: readonly Placement[]) => session.moveToTrash?.(places)
      const before = await foundIn(session, 'inbox', 'archive')
      const placements = ['one@x', 'two@x'].map((id) => before.get(id)!.placement)
      t.same(await moveToTrash(placements), { outcome: 'moved' })
      const left = await foundIn(session, 'inbox', 'archive')
      t.same([...left.keys()], ['stays@x'])
      const trashed = await foundIn(session, 'trash')
      t.same([...trashed.keys()].toSorted(), ['one@x', 'two@x'])
      for (const [id, { raw }] of trashed) t.ok(raw.equals(before.get(id)!.raw), 'the very bytes')
      t.same(await moveToTrash(placements), { outcome: 'none' }, 'they are gone from there')
      const there = [...trashed.values()].map(({ placement }) => placement)
      t.same(await moveToTrash(there), { outcome: 'none' }, 'they are in the trash already')
      t.equal((await foundIn(session, 'trash')).size, 2)
      t.same(await moveToTrash([]), { outcome: 'none' })
    })
  })
}
