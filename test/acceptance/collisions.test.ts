import { writeFileSync } from 'node:fs'
import t from 'tap'
import { ApiProblem, apiClient, until, type Client } from '../../scripts/lib/client.ts'
import { inParallel } from '../../src/std/in-parallel.ts'
import { readFeed } from '../support/feed-reader.ts'
import { runs } from '../support/long-runs.ts'
import { keyOf, site } from '../support/service-processes.ts'
import { sharedMailbox, type Conversation } from '../support/shared-mailbox.ts'

// Two people answer the same mail at once, each over another process, round for round.

const ROUNDS = runs(50, 1000)
const AT_ONCE = 4

type Page = { data: Conversation[]; nextCursor: string | null }

const allConversations = async (client: Client): Promise<Conversation[]> => {
  const found: Conversation[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page = await client.get<Page>(
      `/v1/conversations?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`,
    )
    found.push(...page.data)
    cursor = page.nextCursor
  }
  return found
}

t.test('of two answers at once on two processes never both are queued, but when asked to', async (t) => {
  const box = await sharedMailbox(t)
  const { start, query, folder } = await site(t)
  writeFileSync(`${folder}/authority.pem`, box.ca)
  const env = {
    MAILTRAIL_EXTRA_CA: `${folder}/authority.pem`,
    MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
    MAILTRAIL_ALLOWED_PORTS: box.ports.join(','),
  }
  const services = await Promise.all((['api', 'api', 'worker'] as const).map((role) => start(role, env)))
  const [one, other] = services
  const key = keyOf(services)
  const program = apiClient(one!.url, key)
  const writers = [apiClient(one!.url, key, 'ann'), apiClient(other!.url, key, 'bob')] as const
  for (const id of ['ann', 'bob']) await program.send('PUT', `/v1/directory/users/${id}`, { name: id })
  const account = await box.connect(program)
  for (let n = 0; n < ROUNDS; n++) box.deliver(n)
  await box.sync(program, account)
  const conversations = await until(
    'A conversation for each mail',
    () => allConversations(program),
    ({ length }) => length === ROUNDS,
    300_000,
  )

  const [watched] = conversations
  const reader = await readFeed(other!.url, key, { headers: { 'mailtrail-user': 'bob' } })
  await until(
    'What ann does',
    async () => {
      await writers[0].send('PUT', `/v1/conversations/${watched!.id}/presence`, { doing: 'writing' })
      return reader.presence
    },
    (told) => told.length > 0,
  )
  t.match(reader.presence[0], { conversationId: watched!.id, userId: 'ann', doing: 'writing' })
  await reader.close()

  const outcomes = new Map<string, number>()
  const wrong: string[] = []
  const answer = async (client: Client, { lastMessage, version }: Conversation, nth: number) => {
    // Some say what they have seen, and some do not.
    const seen = nth % 3 === 2 ? {} : { conversationVersion: version }
    const email = {
      replyTo: { kind: 'message', id: lastMessage.id },
      subject: `Re ${nth}`,
      html: '<p>Hi</p>',
    }
    try {
      await client.send('POST', '/v1/outbox', { email, undoSeconds: 60, ...seen })
      return 'queued'
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      return error.problem.code
    }
  }
  await inParallel([...conversations.entries()], AT_ONCE, async ([nth, conversation]) => {
    const answers = await Promise.all(writers.map((client) => answer(client, conversation, nth)))
    const outcome = answers.toSorted().join(' and ')
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    if (outcome !== 'conversation-changed and queued') wrong.push(`${conversation.id}: ${outcome}`)
  })
  t.comment(`${ROUNDS} rounds: ${JSON.stringify(Object.fromEntries(outcomes))}`)
  t.same(wrong, [], 'one of both was queued, and the other was told so')

  const [first] = conversations
  const { lastMessage, version } = first!
  const email = { replyTo: { kind: 'message', id: lastMessage.id }, subject: 'Re', html: '<p>Hi</p>' }
  const asked = { email, undoSeconds: 60, conversationVersion: version, sendAnyway: true }
  await Promise.all(writers.map((client) => client.send('POST', '/v1/outbox', asked)))
  const recorded = await query<{ anyway: boolean; replies: number }>(
    `select (data ->> 'anyway')::boolean as anyway, count(*)::int as replies from es.events
     where type = 'ConversationReplyQueued' group by 1 order by 1`,
  )
  t.same(
    recorded,
    [
      { anyway: false, replies: ROUNDS },
      { anyway: true, replies: 2 },
    ],
    'what was sent anyway is recorded as such',
  )
  const queued = await query<{ emails: number }>(
    `select count(*)::int as emails from es.events where type = 'EmailQueued'`,
  )
  t.same(queued, [{ emails: ROUNDS + 2 }])
})
