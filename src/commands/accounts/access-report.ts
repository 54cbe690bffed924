import { accessHistory, type AccessEntry, type AccessHistory } from '../../domain/accounts/access-history.ts'
import { accountStream, type Account } from '../../domain/accounts/account.ts'
import { levelOf } from '../../domain/accounts/access-rights.ts'
import type { AccountEvent } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import type { DirectoryEvent } from '../../domain/directory/events.ts'
import type { DomainEvent, RecordedEvent } from '../../domain/event.ts'
import { nothingVisible, visibilityUnder, type Visibility } from '../../domain/visibility.ts'
import type { EventStore } from '../ports/event-log.ts'

/** Who may do what with an account at a moment. `others`: how much everybody else sees of its mail. */
export type AccessReport = {
  readonly owner: AccessHistory['owner']
  readonly entries: readonly AccessEntry[]
  readonly others: Visibility
}

class NotConnectedYet extends NotFound {
  constructor(accountId: string) {
    super('email account', accountId)
    this.message = `The email account ${accountId} had not been connected at that time.`
  }
}

export type ReportDeps = {
  readonly store: Pick<EventStore, 'readStream'>
  /** The stream of the organisation, with its policy. */
  readonly organizationEvents: () => Promise<readonly RecordedEvent[]>
  readonly find: (accountId: string) => Promise<Exclude<Account, { status: 'none' }> | null>
}

/**
 * Who may do what with the account and since when, as of an instant (null: now), from the log alone: what was recorded up to
 * then counts. For those who have any access now. @throws NotFound, also if it was not connected yet
 */
export const accessReport =
  ({ store, organizationEvents, find }: ReportDeps) =>
  async (accountId: string, userId: string | null, at: string | null): Promise<AccessReport> => {
    const account = await find(accountId)
    if (!account || levelOf(account, userId) === null) throw new NotFound('email account', accountId)
    const last = at === null ? Infinity : Date.parse(at)
    const until = <Event extends DomainEvent>(events: readonly RecordedEvent[]) =>
      events.filter(({ recordedAt }) => Date.parse(recordedAt) <= last) as unknown as RecordedEvent<Event>[]
    const history = accessHistory(until<AccountEvent>(await store.readStream(accountStream(accountId))))
    if (!history) throw new NotConnectedYet(accountId)
    const recorded = until<DirectoryEvent>(await organizationEvents())
    const policy =
      recorded.findLast((event) => event.type === 'OrganizationRecorded')?.data.organization ?? nothingVisible
    const { owner, entries, visibility } = history
    return { owner, entries, others: visibilityUnder(policy, visibility) }
  }
