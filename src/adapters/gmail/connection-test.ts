import { MailUnavailable, type MailProvider } from '../../commands/ports/mail-provider.ts'
import type { TestStep } from '../../domain/accounts/connection.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import type { ClientOf } from './client.ts'
import { addressOf } from './connection.ts'
import { foldersOf } from './folders.ts'
import { unavailable } from './problems.ts'
import { COST } from './quota.ts'

const TOTAL_MS = 30_000

/** Whether the login holds and is that of the account's mailbox, and what there is to read. */
export const connectionTest =
  (clientOf: ClientOf): MailProvider['test'] =>
  async (access, signal) => {
    const client = clientOf(access, AbortSignal.any([signal, AbortSignal.timeout(TOTAL_MS)]))
    const steps: TestStep[] = []
    const step = async (name: string, work: () => Promise<string>): Promise<void> => {
      const since = performance.now()
      const about = { service: 'gmail', step: name }
      const durationMs = (): number => Math.round(performance.now() - since)
      if (steps.some(({ ok }) => !ok)) {
        steps.push({ ...about, ok: false, skipped: true, durationMs: 0 })
        return
      }
      try {
        steps.push({ ...about, ok: true, detail: await work(), durationMs: durationMs() })
      } catch (error) {
        if (!(error instanceof MailUnavailable)) throw error
        const { code, message: detail, remedy } = error
        steps.push({ ...about, ok: false, durationMs: durationMs(), code, detail, remedy })
      }
    }
    await step('login', async () => {
      const { emailAddress } = await client.call(COST.profile, (users, options) =>
        users.getProfile({ userId: 'me' }, options),
      )
      const [theirs, ours] = [emailAddress ?? '', addressOf(access.connection)].map(normaliseAddress)
      if (theirs !== ours) throw unavailable('gmail-login-rejected')
      return 'Google accepts the login'
    })
    await step('folders', async () => {
      const folders = await foldersOf(client, {})
      return `${folders.length} folders`
    })
    signal.throwIfAborted()
    return { ok: steps.every(({ ok }) => ok), steps }
  }
