import {
  MailUnavailable,
  type ConnectionTester,
  type ServerLogin,
} from '../../commands/ports/mail-provider.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import { foldersOf } from './folder-roles.ts'
import { openImap, type Watch } from './imap-connection.ts'
import { unavailable } from './problems.ts'
import { openSmtp } from './smtp-connection.ts'

type TestStep = Awaited<ReturnType<ConnectionTester['test']>>['steps'][number]
type Note = (step: TestStep['step'], detail: string) => void

const SMTP_STEPS = ['name', 'tcp', 'tls', 'login', 'capabilities'] as const
const IMAP_STEPS = [...SMTP_STEPS, 'folders'] as const

/** Extensions that make a difference to us; of all others nothing is said, since their names are the server's words. */
const IMAP_EXTENSIONS = ['CONDSTORE', 'QRESYNC', 'IDLE', 'UIDPLUS', 'MOVE', 'SPECIAL-USE', 'UTF8=ACCEPT']
const SMTP_EXTENSIONS = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN']

const among = (known: readonly string[], offered: { has(name: string): boolean }): string =>
  known.filter((name) => offered.has(name)).join(', ') || 'No extensions that matter here'

/** Runs the steps of one protocol, timing each; the first failure is the last step, the rest are skipped. */
const stepped = async (
  protocol: TestStep['protocol'],
  names: readonly TestStep['step'][],
  run: (note: Note) => Promise<void>,
): Promise<TestStep[]> => {
  const steps: TestStep[] = []
  let since = performance.now()
  const lap = (): number => {
    const now = performance.now()
    const ms = Math.round((now - since) * 10) / 10
    since = now
    return ms
  }
  const note: Note = (step, detail) => {
    steps.push({ protocol, step, ok: true, durationMs: lap(), ...(detail === '' ? {} : { detail }) })
  }
  try {
    await run(note)
  } catch (error) {
    const step = names[steps.length]
    if (!(error instanceof MailUnavailable) || step === undefined) throw error
    const { code, message, remedy } = error
    steps.push({ protocol, step, ok: false, durationMs: lap(), code, detail: message, remedy })
  }
  const skipped = names.slice(steps.length)
  return [...steps, ...skipped.map((step) => ({ protocol, step, ok: false, skipped: true, durationMs: 0 }))]
}

const watching =
  (note: Note, { encryption }: ServerLogin): Watch =>
  (step) =>
    note(
      step,
      step === 'tls' && encryption === 'none' ? 'Not encrypted, as the operator allows for this host' : '',
    )

const testSmtp = (guard: EgressGuard, login: ServerLogin, signal: AbortSignal): Promise<TestStep[]> =>
  stepped('smtp', SMTP_STEPS, async (note) => {
    const { connection, offer } = await openSmtp(guard, login, signal, watching(note, login))
    const size =
      offer.maxBytes === null ? '' : `; messages up to ${Math.floor(offer.maxBytes / 1024 / 1024)} MB`
    note('capabilities', `${among(SMTP_EXTENSIONS, offer.extensions)}${size}`)
    connection.close()
  })

const testImap = (guard: EgressGuard, login: ServerLogin, signal: AbortSignal): Promise<TestStep[]> =>
  stepped('imap', IMAP_STEPS, async (note) => {
    const client = await openImap(guard, login, signal, watching(note, login))
    try {
      const { capabilities } = client
      if (!capabilities.has('IMAP4rev1') && !capabilities.has('IMAP4rev2'))
        throw unavailable('protocol-error')
      note('capabilities', among(IMAP_EXTENSIONS, capabilities))
      const folders = await foldersOf(client).catch(() => [])
      const inbox = folders.find(({ role }) => role === 'inbox')
      if (inbox === undefined) throw unavailable(signal.aborted ? 'stopped' : 'inbox-missing')
      await client.mailboxOpen(inbox.path, { readOnly: true }).catch(() => {
        throw unavailable(signal.aborted ? 'stopped' : 'inbox-missing')
      })
      const sent = folders.some(({ role }) => role === 'sent')
      note('folders', `${folders.length} folders; ${sent ? 'Sent found' : 'none for sent mail'}`)
    } finally {
      client.close()
    }
  })

/** Tries servers step by step. Answers in our own words: nothing that a server said is repeated, and no secret. */
export const connectionTester = (guard: EgressGuard, { totalMs = 30_000 } = {}): ConnectionTester => ({
  test: async ({ smtp, imap }, signal) => {
    const deadline = AbortSignal.timeout(totalMs)
    const either = AbortSignal.any([signal, deadline])
    const both = await Promise.all([
      smtp === null ? [] : testSmtp(guard, smtp, either),
      imap === null ? [] : testImap(guard, imap, either),
    ])
    signal.throwIfAborted()
    const late = unavailable('timed-out')
    const steps = both
      .flat()
      .map((step) =>
        step.code === 'stopped'
          ? { ...step, code: late.code, detail: late.message, remedy: late.remedy }
          : step,
      )
    return { ok: steps.every(({ ok }) => ok), steps }
  },
})
