import t, { type Test } from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { going, mimeOf } from '../../contracts/mail-provider-harness.ts'
import { accessOf, outlookOnDouble } from '../../support/mail-provider/outlook.ts'

const [address, token] = ['ann@outlook.test', 'secret-of-ann']

const setUp = async (t: Test, more: { pushes?: boolean } = { pushes: true }) => {
  const double = await outlookOnDouble(t, more)
  return { ...double, mailbox: double.graph.addMailbox(address, token), access: accessOf(address, token) }
}

t.test('without a public address there is no subscription', async (t) => {
  const { graph, provider, access } = await setUp(t, {})
  await provider.watch(access, () => t.fail('there is nothing to hint at'), going())
  t.same(graph.requests, [])
  t.notOk('takePush' in provider)
})

t.test('a subscription is made, renewed when Graph asks for it, and taken back', async (t) => {
  const { graph, provider, access, mailbox } = await setUp(t)
  const stop = new AbortController()
  let hints = 0
  const watching = provider.watch(access, () => (hints += 1), stop.signal)
  const settled = async () => graph.subscriptions.all().length > 0 && hints > 0
  await until('A subscription', settled, (is) => is)
  t.match(graph.subscriptions.all(), [
    { resource: 'me/messages', changeType: 'created,updated,deleted', clientState: /^[\w-]+\.[\w-]+$/ },
  ])
  const before = hints
  mailbox.add(mailbox.folder('inbox')!.id, mimeOf('1@x'))
  await until(
    'A hint',
    async () => hints,
    (now) => now > before,
  )
  const renewals = () => graph.requests.filter(({ method }) => method === 'PATCH').length
  graph.subscriptions.tellLifecycle('reauthorizationRequired')
  await until(
    'A renewal',
    async () => renewals(),
    (now) => now === 1,
  )
  const missed = hints
  graph.subscriptions.tellLifecycle('missed')
  await until(
    'A hint of what was missed',
    async () => hints,
    (now) => now > missed,
  )
  stop.abort()
  await watching
  t.same(graph.subscriptions.all(), [])
})

t.test('a watch ends with what is wrong when its subscription is taken away', async (t) => {
  const { graph, provider, access } = await setUp(t)
  let hints = 0
  const watching = provider.watch(access, () => (hints += 1), going())
  const ended = t.rejects(watching, { name: 'MailUnavailable' })
  await until(
    'A subscription',
    async () => hints,
    (now) => now > 0,
  )
  graph.subscriptions.tellLifecycle('subscriptionRemoved')
  await ended
})

t.test('what is not the word of Graph hints at nothing', async (t) => {
  const { graph, provider, access } = await setUp(t)
  const stop = new AbortController()
  let hints = 0
  const watching = provider.watch(access, () => (hints += 1), stop.signal)
  await until(
    'A subscription',
    async () => hints,
    (now) => now > 0,
  )
  const [state = ''] = graph.subscriptions.all().map(({ clientState }) => clientState ?? '')
  const before = hints
  const push = async (body: unknown) => provider.takePush?.({ authorization: null, body })
  const forged = `${state.slice(0, -2)}${state.endsWith('AA') ? 'BB' : 'AA'}`
  for (const clientState of [forged, '', 'x', `${state}.more`, state.split('.')[0]])
    t.equal(await push({ value: [{ clientState }] }), false, String(clientState))
  for (const body of [null, 'text', { value: 'no list' }, { value: [{}] }, []])
    t.equal(await push(body), false)
  t.equal(hints, before)
  t.equal(await push({ value: [{ clientState: state }] }), true)
  t.equal(hints, before + 1)
  t.equal(await push({ value: [{ clientState: state, lifecycleEvent: 'unheardOf' }] }), true)
  t.equal(hints, before + 1)
  stop.abort()
  await watching
})
