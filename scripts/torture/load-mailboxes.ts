import type { Commander } from './commander.ts'
import type { Chance } from './chance.ts'
import type { Fire } from './fire.ts'
import type { Work } from './load.ts'
import { incoming } from './mail-samples.ts'
import type { World } from './world.ts'

/** UIDVALIDITY of folders that were renumbered, by `<address> <folder>`; 1 if they never were. */
export type MailboxTruth = { readonly validity: Map<string, number> }

type Parts = {
  readonly world: World
  readonly fire: Fire
  readonly commander: Commander
  readonly chance: Chance
  readonly accounts: ReadonlyMap<string, string>
}

/** Mail arrives, is read, flagged, deleted, and occasionally a folder is renumbered. */
export const mailboxWork = ({ world, fire, chance }: Parts, truth: MailboxTruth): Work => {
  let count = 0
  const run = chance.between(1e8, 9e8)
  return async () => {
    // During a long outage, no more than the service can take in afterwards.
    await fire.up(2000)
    if (world.onImap.length === 0) return
    const person = chance.pick(world.onImap)
    const mailbox = world.imap.mailbox(person.address)
    const inbox = mailbox.messages('INBOX')
    const some = inbox.length === 0 ? undefined : chance.pick(inbox)
    const what = chance.between(0, 99)
    if (some && what < 6) mailbox.remove('INBOX', some.uid)
    else if (some && what < 16)
      mailbox.setFlags('INBOX', some.uid, chance.pick([['\\Seen'], ['\\Seen', '\\Flagged'], []]))
    else if (some && what < 20) mailbox.append('INBOX', { raw: some.raw })
    else if (what === 20) {
      const key = `${person.address} INBOX`
      const validity = (truth.validity.get(key) ?? 1) + 1
      truth.validity.set(key, validity)
      // Like a server that has lost its numbering: all connections are cut.
      world.imap.cut()
      mailbox.renumber('INBOX', validity)
    } else
      for (let n = chance.between(1, 3); n > 0; n--)
        mailbox.append('INBOX', { raw: incoming(chance, person, `in-${run}-${count++}`, world) })
  }
}

export const syncWork =
  ({ world, commander, chance, accounts }: Parts): Work =>
  async () => {
    const id = accounts.get(chance.pick(world.people).address)
    await commander.ask({
      name: 'sync now',
      method: 'POST',
      path: `/v1/email-accounts/${id}/sync-runs`,
      mark: id ?? '',
    })
  }
