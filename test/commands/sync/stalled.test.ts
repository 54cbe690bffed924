import t from 'tap'
import { imapSmtpProvider } from '../../../src/adapters/imap-smtp/provider.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'
import type { OpenMailbox } from '../../../src/commands/ports/mail-provider.ts'
import { Secret } from '../../../src/commands/ports/credentials.ts'
import { until } from '../../../scripts/lib/client.ts'
import { cutLines } from '../../../scripts/lib/cut-lines.ts'
import { accessTo } from '../../support/imap-smtp.ts'
import { mail, numbers, outcomeOf, syncRig, type Rig } from '../../support/mailbox-to-sync.ts'

const never = new AbortController().signal

/** The rig's mailbox over a line that can freeze, as for a network that swallows everything and closes nothing. */
const overLine = async (rig: Rig) => {
  const line = await cutLines(t, [{ port: rig.server.port }])
  const [port = 0] = line.ports
  const guard = egressGuard({
    allowedNetworks: ['127.0.0.0/8'],
    allowedPorts: [port],
    clearTextHosts: ['127.0.0.1'],
    extraCa: [],
  })
  const provider = imapSmtpProvider(guard)
  t.teardown(() => provider.close())
  const login = { host: '127.0.0.1', port, encryption: 'none', username: 'me@acme.test' } as const
  const access = accessTo({ imap: { ...login, password: new Secret('correct horse') } })
  const openMailbox: OpenMailbox = (_id, signal) => provider.open(access, {}, signal)
  return { line, openMailbox }
}

t.test('a run over a frozen connection is ended after two intervals, and the next one goes on', async (t) => {
  const rig = await syncRig(t, { inbox: numbers(300).map((n) => mail(n, {}, 'x'.repeat(20_000))) })
  const { line, openMailbox } = await overLine(rig)
  line.freezeAfter(1_500_000)
  const running = rig.run(never, 'schedule', { openMailbox })
  await until(
    'the first messages',
    async () => (await rig.eventsOf('MessageSynced')).length,
    (n) => n > 0,
  )
  // What is on its way when the line freezes is progress yet.
  await until(
    'the end of the run',
    async () => {
      rig.later(11)
      return rig.eventsOf('SyncRunFinished')
    },
    (ended) => ended.length > 0,
  )
  t.equal(outcomeOf(await running), 'failed')
  t.match(await rig.eventsOf('SyncStalled', 'SyncRunFinished'), [
    { type: 'SyncStalled', data: { number: 1, since: /^2/ } },
    { type: 'SyncRunFinished', data: { outcome: 'failed', code: 'sync-stalled', remedy: /./ } },
  ])
  line.mend()
  t.equal(outcomeOf(await rig.run(never, 'schedule', { openMailbox })), 'success')
  t.equal((await rig.eventsOf('MessageSynced')).length, 300, 'none is missing and none there twice')
  t.equal((await rig.countsOf(1)).stored + (await rig.countsOf(2)).stored, 300, 'nor counted twice')
})

t.test('a mailbox that does not heed the end of its run holds up no other run', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1)] })
  const deaf: OpenMailbox = () => new Promise(() => {})
  const running = rig.run(never, 'schedule', { openMailbox: deaf })
  await until(
    'the run',
    async () => (await rig.eventsOf('SyncRunStarted')).length,
    (n) => n > 0,
  )
  rig.later(11)
  t.equal(outcomeOf(await running), 'failed')
  t.match(rig.faults, [{ message: /did not heed/ }])
  t.equal(outcomeOf(await rig.run()), 'success')
})
