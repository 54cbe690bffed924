import type { Client } from '../lib/client.ts'
import type { Played } from './play.ts'
import type { Conversation } from './shared-inbox.ts'
import { clock, dim, line, percent, show, yellow } from './screen.ts'
import type { Customer } from './world.ts'

type Share = { count: number; percent: number | null }
type Figures = { sent: number; delivered: Share; opened: Share; clicked: Share; replied: Share }

/** The four tables of the product's documentation, and a contact's timeline, from the API. */
export const report = async (
  client: Client,
  { repAccount, teamAccount, messages }: Played,
): Promise<void> => {
  await accounts(client)
  await history(client, repAccount)
  await tracking(client, messages[0]!.id)
  await tracking(client, messages[2]!.id)
  await timeline(client, messages[0]!.customer)
  await conversations(client, teamAccount)
  await engagement(client)
}

const accounts = async (client: Client): Promise<void> => {
  const { data, figures } = await client.get<{
    data: { address: string; provider: string; user: string; status: string }[]
    figures: { connectedAccounts: number; emailsSentToday: number }
  }>('/v1/email-accounts')
  show(
    'Email Accounts',
    ['Account', 'Provider', 'User', 'Status'],
    data.map((row) => [row.address, row.provider, row.user, row.status]),
  )
  line(
    dim(`Connected Accounts: ${figures.connectedAccounts}   Emails Sent Today: ${figures.emailsSentToday}`),
  )
}

const history = async (client: Client, account: string): Promise<void> => {
  const { data } = await client.get<{
    data: {
      time: string
      direction: string
      count: number
      status: string
      folders: { listed: number; excluded: number; known: number }[]
    }[]
  }>(`/v1/email-accounts/${account}/sync-runs?limit=5`)
  const sum = (of: number[]): string => String(of.reduce((a, b) => a + b, 0))
  show(
    'Sync History: every message listed is stored, known, excluded or failed',
    ['Time', 'Direction', 'Listed', 'New', 'Known', 'Excluded', 'Status'],
    data.map((run) => [
      clock(run.time),
      run.direction,
      sum(run.folders.map((folder) => folder.listed)),
      String(run.count),
      sum(run.folders.map((folder) => folder.known)),
      sum(run.folders.map((folder) => folder.excluded)),
      run.status,
    ]),
  )
}

const tracking = async (client: Client, id: string): Promise<void> => {
  const found = await client.get<{
    subject: string
    sentAt: string | null
    to: { address: string }[]
    activity: { event: string; at: string; details: string; verdict: string | null; reason: string | null }[]
    summary: {
      opens: number
      uniqueOpens: number
      linkClicks: number
      lastActivity: string | null
      machine: { opens: number; clicks: number }
    }
  }>(`/v1/outbox/${id}/tracking`)
  show(
    `Email Tracking Report: ${found.subject}, to ${found.to.map((one) => one.address).join(', ')}`,
    ['Event', 'Time', 'Details', 'Who'],
    found.activity.map((one) => [
      one.event,
      clock(one.at),
      one.details,
      one.verdict === null
        ? ''
        : one.verdict === 'machine'
          ? yellow(`machine: ${one.reason ?? ''}`)
          : one.verdict,
    ]),
  )
  const { summary } = found
  line(
    dim(
      `Opens: ${summary.opens}   Unique Opens: ${summary.uniqueOpens}   Link Clicks: ${summary.linkClicks}   ` +
        `Machine clicks: ${summary.machine.clicks}   Last Activity: ${summary.lastActivity ?? 'none'}`,
    ),
  )
}

const timeline = async (client: Client, { id, firstName, lastName }: Customer): Promise<void> => {
  const { data } = await client.get<{
    data: { at: string; kind: string; title: string | null; count: number; from: { address: string }[] }[]
  }>(`/v1/timeline?contact=${id}`)
  show(
    `Timeline of ${firstName} ${lastName}: mail both ways, and what people did with it`,
    ['Time', 'What', 'Times', 'From', 'Subject'],
    data.map(({ at, kind, count, from, title }) => [
      clock(at),
      kind,
      String(count),
      from.map(({ address }) => address).join(', '),
      title ?? '',
    ]),
  )
}

const conversations = async (client: Client, account: string): Promise<void> => {
  const { data } = await client.get<{ data: Conversation[] }>(`/v1/conversations?accountId=${account}`)
  const reasonOf = async (id: string) =>
    (await client.get<{ data: { detail: string }[] }>(`/v1/conversations/${id}/assignments`)).data[0]?.detail
  show(
    'Shared inbox: whose turn it is, and why',
    ['From', 'Status', 'Whose', 'Why'],
    await Promise.all(
      data.map(async ({ id, status, assigneeId, lastMessage }) => [
        lastMessage.from ?? '',
        status,
        assigneeId ?? '',
        (await reasonOf(id)) ?? '',
      ]),
    ),
  )
}

const engagement = async (client: Client): Promise<void> => {
  const found = await client.get<{ totals: Figures; byTemplate: (Figures & { template: string | null })[] }>(
    '/v1/analytics/engagement?period=last_30_days',
  )
  const cells = (of: Figures): string[] => [
    String(of.sent),
    percent(of.delivered),
    percent(of.opened),
    percent(of.clicked),
    percent(of.replied),
  ]
  show(
    'Email Engagement Analytics, last 30 days: delivered of sent, the rest of delivered, by people alone',
    ['Template', 'Sent', 'Delivered', 'Opened', 'Clicked', 'Replied'],
    [
      ...found.byTemplate.map((row) => [row.template ?? '(none)', ...cells(row)]),
      ['All', ...cells(found.totals)],
    ],
  )
}
