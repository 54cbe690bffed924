import { Refused } from '../../domain/decider.ts'
import type { Access, MailProvider } from '../ports/mail-provider.ts'

/** Tries the access. @throws Refused `connection-test-failed`, its details the steps with a remedy for the first that failed */
export const requireAccess = async (
  provider: MailProvider,
  access: Access,
  signal: AbortSignal,
): Promise<void> => {
  const { ok, steps } = await provider.test(access, signal)
  if (ok) return
  const failed = steps.find((step) => !step.ok && !step.skipped)
  throw new Refused(
    failed?.code ?? 'connection-test-failed',
    failed?.detail ?? 'The mailbox could not be reached',
    failed?.remedy ?? 'Check the settings of the account.',
    { steps: steps.map((step) => ({ ...step })) },
  )
}
