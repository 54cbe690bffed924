import { ApiProblem, until, type Client } from '../lib/client.ts'
import { delivered } from './delivery.ts'
import { step } from './screen.ts'
import { syncOnce } from './sync-once.ts'
import { colleagues, customers, rep, write, type World } from './world.ts'

const [tom, ines] = colleagues
const questions = {
  'c-mia': { subject: 'A question about the contract', words: 'May we extend it by a year?' },
  'c-omar': { subject: 'Invoice', words: 'We did not get the last one. Could you send it again?' },
  'c-lena': { subject: 'Demo for our team', words: 'Could somebody show us the new reports next week?' },
}

type Page<Item> = { data: Item[] }
export type Conversation = {
  id: string
  status: string
  version: number
  assigneeId: string | null
  lastMessage: { id: string; from: string | null }
}
type Notification = { kind: string; conversationId: string | null }

/** Three people share the team's mailbox: who may what, whose turn it is, and that nobody answers twice. */
export const shareInbox = async (
  clientOf: (user: string) => Client,
  { imap }: World,
  account: string,
): Promise<void> => {
  const [client, toms] = [clientOf(rep.id), clientOf(tom.id)]
  const path = `/v1/email-accounts/${account}`
  await step(
    'The mailbox of the team gets members, each with a level of access',
    async () => {
      for (const { id, name, address, title } of colleagues)
        await client.send('PUT', `/v1/directory/users/${id}`, { name, email: address, title })
      for (const [user, level] of [
        [rep.id, 'full'],
        [tom.id, 'full'],
        [ines.id, 'read'],
      ])
        await client.send('PUT', `${path}/access/users/${user}`, { level })
      await client.send('DELETE', `${path}/access/everyone`)
    },
    () => `${rep.name} and ${tom.name} work with it, ${ines.name} reads`,
  )
  await step('They take turns: two for Sarah, one for Tom', () =>
    client.send('PUT', `${path}/assignment-rules`, {
      rules: [
        {
          kind: 'round-robin',
          members: [
            { userId: rep.id, weight: 2 },
            { userId: tom.id, weight: 1 },
          ],
        },
      ],
    }),
  )
  const conversations = await step(
    'Three customers write to the team, and each conversation is somebody’s',
    async () => {
      for (const customer of customers) write(imap, customer, questions[customer.id])
      await syncOnce(client, account)
      return until(
        'The assignments',
        async () => (await client.get<Page<Conversation>>(`/v1/conversations?accountId=${account}`)).data,
        (data) => data.length === customers.length && data.every(({ assigneeId }) => assigneeId !== null),
      )
    },
    (data) =>
      [rep, tom]
        .map(({ id, name }) => `${name} ${data.filter(({ assigneeId }) => assigneeId === id).length}`)
        .join(', '),
  )
  const [first] = conversations
  if (!first) throw new Error('There is a conversation')
  await step('Tom mentions Sarah in a note, and she is notified', async () => {
    const note = { text: 'Sarah, you know them best.', mentions: [rep.id] }
    await toms.send('POST', `/v1/conversations/${first.id}/notes`, note)
    await until(
      'The mention',
      () => client.get<Page<Notification>>('/v1/notifications'),
      ({ data }) =>
        data.some(({ kind, conversationId }) => kind === 'mention' && conversationId === first.id),
    )
  })
  await step(
    'Sarah and Tom answer at the same time: one answer goes out, the other is refused',
    async () => {
      const answer = (words: string) => ({
        email: {
          accountId: account,
          replyTo: { kind: 'message', id: first.lastMessage.id },
          html: `<p>${words}</p>`,
        },
        conversationVersion: first.version,
        undoSeconds: 0,
      })
      const tried = await Promise.all(
        [client, toms].map((person) =>
          sent(person.send<{ id: string }>('POST', '/v1/outbox', answer('With pleasure. We send it today.'))),
        ),
      )
      const [id, ...others] = tried.flatMap((one) => ('id' in one ? [one.id] : []))
      const refusal = tried.flatMap((one) => ('refusal' in one ? [one.refusal] : []))[0]
      if (id === undefined || others.length > 0 || refusal === undefined)
        throw new Error('One of two answers goes out, and the other is refused')
      await delivered(client, account, [id])
      return refusal
    },
    (code) => code,
  )
  await step('It waits for the customer, and Sarah closes it', async () => {
    await until(
      'The conversation to wait',
      () => client.get<Conversation>(`/v1/conversations/${first.id}`),
      ({ status }) => status === 'waiting',
    )
    await client.send('PUT', `/v1/conversations/${first.id}/status`, { status: 'closed' })
    await until(
      'The conversation to be closed',
      () => client.get<Conversation>(`/v1/conversations/${first.id}`),
      ({ status }) => status === 'closed',
    )
  })
}

/** The id of what was queued, or the code of the refusal. */
const sent = async (
  asked: Promise<{ readonly body: { readonly id: string } }>,
): Promise<{ readonly id: string } | { readonly refusal: string }> => {
  try {
    return { id: (await asked).body.id }
  } catch (error) {
    if (error instanceof ApiProblem) return { refusal: error.problem.code }
    throw error
  }
}
