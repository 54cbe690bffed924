import t from 'tap'
import {
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  DefaultAccountChosen,
  DefaultAccountUnset,
  defaultSettings,
  AccountSignatureChanged,
  WithheldMessageDismissed,
} from '../../../src/domain/accounts/events.ts'
import { ContactRecorded, ContactRemoved, UserRecorded } from '../../../src/domain/directory/events.ts'
import { accountList } from '../../../src/projections/accounts/account-list.ts'
import { directory } from '../../../src/projections/directory/entries.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import {
  accountId,
  changesSynced,
  connected,
  placeOf,
  runFinished,
  withheldAt,
} from '../../support/example-sync-events.ts'

const stream = `account-${accountId}`
const about = (event: { type: string; data: unknown }) => ({ ...event, envelope: { stream } })
const other = 'acc_01jz0000000000000000000009'
const team = { kind: 'team' } as const

const accountsAfter = async (...events: { type: string; data: unknown }[]) => {
  const { account } = await foldEvents(accountList, recordedEvents([about(connected()), ...events]))
  return account
}

t.test('an account is listed with its settings, signature and version as last said', async (t) => {
  const settings = { ...defaultSettings, displayName: 'Sarah' }
  const [row] = await accountsAfter(
    about(AccountSettingsChanged({ accountId, settings })),
    about(AccountSignatureChanged({ accountId, html: '<p>S</p>' })),
  )
  t.match(row, {
    id: accountId,
    status: 'active',
    settings: { displayName: 'Sarah' },
    signature: '<p>S</p>',
    revision: 2,
  })
})

t.test('it has what its status comes of, withheld messages but for those that were dismissed', async (t) => {
  const paused = about(AccountPaused({ accountId, reason: 'holiday' }))
  t.match(await accountsAfter(paused), [
    { status: 'paused', facts: { lifecycle: 'paused', said: 'holiday' } },
  ])
  t.match(await accountsAfter(paused, about(AccountResumed({ accountId }))), [
    { status: 'active', facts: { lifecycle: 'active', said: '' } },
  ])
  t.match(await accountsAfter(about(AccountDisconnected({ accountId, reason: '' }))), [
    { status: 'disconnected' },
  ])
  const failed = runFinished(1, 'failed', { code: 'login-rejected', detail: 'd', remedy: 'r' })
  t.match(await accountsAfter(failed), [{ facts: { run: { code: 'login-rejected', remedy: 'r' } } }])
  t.match(await accountsAfter(failed, runFinished(2)), [{ facts: { run: null, wasRead: true } }])

  const missed = changesSynced(1, {}, { withheld: [withheldAt(placeOf(3)), withheldAt(placeOf(4))] })
  const dismissed = about(WithheldMessageDismissed({ accountId, folder: 'INBOX', ref: '3' }))
  t.match(await accountsAfter(missed), [{ facts: { withheld: 2 } }])
  t.match(await accountsAfter(missed, dismissed), [{ facts: { withheld: 1 } }])
  t.match(await accountsAfter(missed, dismissed, missed), [{ facts: { withheld: 1 } }])
  t.match(await accountsAfter(missed, changesSynced(1, {})), [{ facts: { withheld: 0 } }])
})

t.test('of one owner one account is the default', async (t) => {
  const second = connected()
  const rows = await accountsAfter(
    { ...second, data: { ...second.data, accountId: other } },
    DefaultAccountChosen({ owner: team, accountId }),
    DefaultAccountChosen({ owner: team, accountId: other }),
  )
  t.same(
    rows.filter((row) => row.is_default).map((row) => row.id),
    [other],
  )
})

t.test('no account is the default any more that was disconnected, or is not to be it', async (t) => {
  const chosen = DefaultAccountChosen({ owner: team, accountId })
  t.match(await accountsAfter(chosen), [{ is_default: true }])
  t.match(await accountsAfter(chosen, DefaultAccountUnset({ owner: team, accountId })), [
    { is_default: false },
  ])
  t.match(await accountsAfter(chosen, about(AccountDisconnected({ accountId, reason: '' }))), [
    { is_default: false },
  ])
})

t.test('a contact is found by its addresses as last put, in any spelling', async (t) => {
  const contact = (emails: string[]) =>
    ContactRecorded({ contactId: 'c1', contact: { firstName: 'Mia', emails } })
  const put = await foldEvents(
    directory,
    recordedEvents([
      UserRecorded({ userId: 'u1', user: { name: 'Sarah' } }),
      contact(['Old@Acme.test', 'both@acme.test']),
      contact(['both@acme.test', 'New@acme.test']),
    ]),
  )
  const emails = put.entry_key.map((row) => row.key).filter((key) => key.startsWith('email:'))
  t.same(emails.toSorted(), ['email:both@acme.test', 'email:new@acme.test'])
  t.same(put.entry.map((row) => row.kind).toSorted(), ['contact', 'user'])
  const removed = await foldEvents(
    directory,
    recordedEvents([contact(['a@b.test']), ContactRemoved({ contactId: 'c1' })]),
  )
  t.same([removed.entry, removed.entry_key], [[], []])
})
