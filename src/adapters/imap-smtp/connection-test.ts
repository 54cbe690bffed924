import { MailUnavailable, type Access, type MailProvider } from '../../commands/ports/mail-provider.ts'
import type { TestStep } from '../../domain/accounts/connection.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import { loginOf, serverOf, type Protocol, type ServerLogin } from './connection.ts'
import { foldersOf } from './folder-roles.ts'
import { openImap, type OnStep } from './imap-connection.ts'
import { unavailable } from './problems.ts'
import { openSmtp } from './smtp-connection.ts'

type Note = (step: string, detail: string) => void

const SMTP_STEPS = ['name', 'tcp', 'tls', 'login', 'capabilities'] as const
const IMAP_STEPS = [...SMTP_STEPS, 'folders'] as const

/** Extensions that matter to us; others are not mentioned, since their names are the server's words. */
const IMAP_EXTENSIONS = ['CONDSTORE', 'QRESYNC', 'IDLE', 'UIDPLUS', 'MOVE', 'SPECIAL-USE', 'UTF8=ACCEPT']
const SMTP_EXTENSIONS = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN']

const among = (known: readonly string[], offered: { has(name: string): boolean }): string =>
  known.filter((name) => offered.has(name)).join(', ') || 'No relevant extensions'

/** Runs and times the steps of one service; after the first failure the rest are skipped. */
const stepped = async (
  service: Protocol,
  names: readonly string[],
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
    steps.push({ service, step, ok: true, durationMs: lap(), ...(detail === '' ? {} : { detail }) })
  }
  try {
    await run(note)
  } catch (error) {
    const step = names[steps.length]
    if (!(error instanceof MailUnavailable) || step === undefined) throw error
    const { code, message, remedy } = error
    steps.push({ service, step, ok: false, durationMs: lap(), code, detail: message, remedy })
  }
  const skipped = names.slice(steps.length)
  return [...steps, ...skipped.map((step) => ({ service, step, ok: false, skipped: true, durationMs: 0 }))]
}

const noting =
  (note: Note, { encryption }: ServerLogin): OnStep =>
  (step) =>
    note(
      step,
      step === 'tls' && encryption === 'none' ? 'Not encrypted, as the operator allows for this host' : '',
    )

const testSmtp = (guard: EgressGuard, access: Access, signal: AbortSignal): Promise<TestStep[]> =>
  stepped('smtp', SMTP_STEPS, async (note) => {
    const login = loginOf(access, 'smtp')
    const { connection, offer } = await openSmtp(guard, login, signal, noting(note, login))
    const size =
      offer.maxBytes === null ? '' : `; messages up to ${Math.floor(offer.maxBytes / 1024 / 1024)} MB`
    note('capabilities', `${among(SMTP_EXTENSIONS, offer.extensions)}${size}`)
    connection.close()
  })

const testImap = (guard: EgressGuard, access: Access, signal: AbortSignal): Promise<TestStep[]> =>
  stepped('imap', IMAP_STEPS, async (note) => {
    const login = loginOf(access, 'imap')
    const client = await openImap(guard, login, signal, noting(note, login))
    try {
      const { capabilities } = client
      if (!capabilities.has('IMAP4rev1') && !capabilities.has('IMAP4rev2'))
        throw unavailable('protocol-error')
      note('capabilities', among(IMAP_EXTENSIONS, capabilities))
      const folders = await foldersOf(client, {}).catch(() => [])
      const inbox = folders.find(({ role }) => role === 'inbox')
      if (inbox === undefined) throw unavailable(signal.aborted ? 'stopped' : 'inbox-missing')
      await client.mailboxOpen(inbox.folder, { readOnly: true }).catch(() => {
        throw unavailable(signal.aborted ? 'stopped' : 'inbox-missing')
      })
      const sent = folders.some(({ role }) => role === 'sent')
      note('folders', `${folders.length} folders; ${sent ? 'Sent found' : 'none for sent mail'}`)
    } finally {
      client.close()
    }
  })

/** Tests servers step by step. Reports in our own words: no server text and no secret is repeated. */
export const connectionTest =
  (guard: EgressGuard, { totalMs = 30_000 } = {}): MailProvider['test'] =>
  async (access, signal) => {
    const either = AbortSignal.any([signal, AbortSignal.timeout(totalMs)])
    const both = await Promise.all([
      serverOf(access, 'smtp') === null ? [] : testSmtp(guard, access, either),
      serverOf(access, 'imap') === null ? [] : testImap(guard, access, either),
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
  }
