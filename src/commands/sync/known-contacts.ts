import { factsFrom, type FactList, type Facts } from '../../domain/linking/facts.ts'
import { isAnyKnown, keysOfPeople } from '../../domain/linking/known-people.ts'
import { peopleOf } from '../../domain/linking/keys.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import { readTogether } from '../../std/in-groups.ts'
import { readModelBehind } from './follow-changes.ts'
import type { KnownContacts, SyncAccount } from './ports.ts'
import { MailUnavailable } from '../ports/mail-provider.ts'

const AT_ONCE = 100

/** Who is known to the CRM, of many messages at once. `factsUnder`: what matching knows under these keys. */
export const knownContacts = ({
  factsUnder,
  isFreeMail,
  catchUp,
}: {
  readonly factsUnder: (keys: readonly string[]) => Promise<FactList>
  readonly isFreeMail: Facts['isFreeMail']
  readonly catchUp: KnownContacts['catchUp']
}): KnownContacts => ({
  isAmong: readTogether(async (mails: readonly (readonly WrittenMailbox[])[]) => {
    const people = mails.map(peopleOf)
    const facts = factsFrom(await factsUnder(people.flatMap(keysOfPeople)), isFreeMail)
    return people.map((each) => isAnyKnown(each, facts))
  }, AT_ONCE),
  catchUp,
})

/** Before mail is looked at: an account that keeps mail with known contacts only must know those of now. */
export const contactsCaughtUp = async (contacts: KnownContacts, { settings }: SyncAccount): Promise<void> => {
  if (settings.keep === 'everything' || (await contacts.catchUp())) return
  const { code, meaning, remedy } = readModelBehind
  throw new MailUnavailable('temporary', code, meaning, remedy)
}
