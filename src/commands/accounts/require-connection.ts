import { Refused } from '../../domain/decider.ts'
import type { ConnectionTester, ServerLogin } from '../ports/mail-provider.ts'

/** Tries the servers. @throws Refused `connection-test-failed`, its details the steps with a remedy for the first that failed */
export const requireConnection = async (
  tester: ConnectionTester,
  servers: { smtp: ServerLogin | null; imap: ServerLogin | null },
  signal: AbortSignal,
): Promise<void> => {
  const { ok, steps } = await tester.test(servers, signal)
  if (ok) return
  const failed = steps.find((step) => !step.ok && !step.skipped)
  throw new Refused(
    failed?.code ?? 'connection-test-failed',
    failed?.detail ?? 'The mail server could not be used',
    failed?.remedy ?? 'Check the settings of the account.',
    { steps: steps.map((step) => ({ ...step })) },
  )
}
