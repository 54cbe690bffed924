import type { Test } from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { startWithPrivateMailbox } from './private-mailbox.ts'
import { routeTables, words } from './route-tables.ts'

/** The service with a private mailbox that has words in each part, a click in what was sent, and the tables of routes. */
export const startToldWorld = async (t: Test) => {
  const world = await startWithPrivateMailbox(t, words)
  const { app, account, email } = world
  const owner = app.clientOf('u1')

  /** The link in the email is clicked, so that there is something to tell of it. */
  const wire = (await app.ask('GET', `/v1/outbox/${email}/raw?form=wire`)).bytes.toString('latin1')
  const [clicked] =
    /http[^"]*\/t\/c\/[\w.~-]+/.exec(wire.replaceAll('=\r\n', '').replaceAll('=3D', '=')) ?? []
  await fetch(clicked ?? '', { redirect: 'manual', headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux)' } })
  type Report = { activity: { event: string }[] }
  await until(
    'The click',
    () => owner.get<Report>(`/v1/outbox/${email}/tracking`),
    ({ activity }) => activity.some(({ event }) => event === 'clicked'),
  )
  type Events = { data: { data: { messageId: string } }[] }
  const drafts = await owner.get<Events>(`/v1/audit/events?account=${account}&type=MessageDraftSynced`)
  const mailboxDraft = drafts.data[0]!.data.messageId
  return { ...world, owner, ...routeTables({ ...world, mailboxDraft }) }
}
