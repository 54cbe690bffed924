import t from 'tap'
import { upToNow } from '../../support/mailbox-comparison.ts'
import { startApp } from '../../support/running-app.ts'
import { conversationWith, sharedMailbox } from '../../support/shared-mailbox.ts'

// Somebody leaves, and their conversations are the other's, whatever else the other may do.

const mailbox = await sharedMailbox(t)
const app = await startApp(t, mailbox)
const { client } = app
for (const user of ['u1', 'u2', 'u3']) await client.send('PUT', `/v1/directory/users/${user}`, { name: user })
const account = await mailbox.connect(client)
const path = `/v1/email-accounts/${account}`
for (const user of ['u1', 'u3']) await client.send('PUT', `${path}/access/users/${user}`, { level: 'full' })
await client.send('DELETE', `${path}/access/everyone`)

t.test('conversations are handed over with the access', async (t) => {
  for (const author of ['ann', 'ben', 'cleo']) mailbox.deliver(author, { From: `${author}@client.test` })
  await mailbox.sync(client, account)
  const idOf = async (author: string) => (await conversationWith(client, `${author}@client.test`)).id
  const [anns, bens, cleos] = await Promise.all(['ann', 'ben', 'cleo'].map(idOf))
  for (const id of [anns, bens])
    await client.send('PUT', `/v1/conversations/${id}/assignee`, { userId: 'u1' })
  await client.send('PUT', `/v1/conversations/${cleos}/assignee`, { userId: 'u3' })
  const { body } = await client.send('POST', '/v1/users/u1/handover', { to: 'u2' })
  t.strictSame(body, { owned: [], shared: [account], kept: [] })
  const assigneeOf = async (author: string, assignee: string) =>
    (await conversationWith(client, `${author}@client.test`, ({ assigneeId }) => assigneeId === assignee))
      .assigneeId
  t.strictSame(
    await Promise.all([assigneeOf('ann', 'u2'), assigneeOf('ben', 'u2'), assigneeOf('cleo', 'u3')]),
    ['u2', 'u2', 'u3'],
  )
  type Events = { data: { type: string; data: { by?: string; userId: string } }[] }
  const { data } = await client.get<Events>(
    `/v1/audit/events?stream=conversation-${anns}&sort=position&${await upToNow(client)}`,
  )
  t.strictSame(
    data.flatMap(({ type, data: { by, userId } }) => (type === 'ConversationAssigned' ? [[by, userId]] : [])),
    [
      ['person', 'u1'],
      ['handover', 'u2'],
    ],
    'it was nobody’s at no time',
  )
})
