import t from 'tap'
import {
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  DefaultAccountChosen,
  defaultSettings,
  AccountSignatureChanged,
} from '../../../src/domain/accounts/events.ts'
import { ContactRecorded, ContactRemoved, UserRecorded } from '../../../src/domain/directory/events.ts'
import { accountList } from '../../../src/projections/accounts/account-list.ts'
import { directory } from '../../../src/projections/directory/entries.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { accountId, connected, runFinished } from '../../support/example-sync-events.ts'

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

t.test('its status follows pause, resume and disconnect, and its health the passes', async (t) => {
  const paused = about(AccountPaused({ accountId, reason: 'holiday' }))
  t.match(await accountsAfter(paused), [{ status: 'paused', status_reason: 'holiday' }])
  t.match(await accountsAfter(paused, about(AccountResumed({ accountId }))), [
    { status: 'active', status_reason: null },
  ])
  t.match(await accountsAfter(about(AccountDisconnected({ accountId, reason: '' }))), [
    { status: 'disconnected' },
  ])
  t.match(await accountsAfter(runFinished(1, 'partial')), [{ health: { state: 'degraded' } }])
  const failed = runFinished(1, 'failed', { code: 'login-rejected', detail: 'd', remedy: 'r' })
  t.match(await accountsAfter(failed), [
    { health: { state: 'failing', code: 'login-rejected', remedy: 'r' } },
  ])
  t.match(await accountsAfter(failed, runFinished(2)), [{ health: { state: 'ok' } }])
  t.match(await accountsAfter(failed, runFinished(2, 'abandoned')), [{ health: { state: 'failing' } }])
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
  t.same(put.contact_address.map((row) => row.address).toSorted(), ['both@acme.test', 'new@acme.test'])
  t.same(put.entry.map((row) => row.kind).toSorted(), ['contact', 'user'])
  const removed = await foldEvents(
    directory,
    recordedEvents([contact(['a@b.test']), ContactRemoved({ contactId: 'c1' })]),
  )
  t.same([removed.entry, removed.contact_address], [[], []])
})
