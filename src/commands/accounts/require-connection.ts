import { definedCodes, defineRefusal, Refused } from '../../domain/refusal.ts'
import type { ConnectionTester, ServerLogin } from '../ports/mail-provider.ts'

const connectionTestFailed = defineRefusal('connection-test-failed', {
  title: 'Connection test failed',
  meaning: 'The mail server could not be used; `details.steps` shows how far the test got.',
  remedy: 'Follow the remedy of the first step that failed.',
})

/** Tries the servers. @throws Refused `connection-test-failed`, its details the steps with a remedy for the first that failed */
export const requireConnection = async (
  tester: ConnectionTester,
  servers: { smtp: ServerLogin | null; imap: ServerLogin | null },
  signal: AbortSignal,
): Promise<void> => {
  const { ok, steps } = await tester.test(servers, signal)
  if (ok) return
  const failed = steps.find((step) => !step.ok && !step.skipped)
  throw new Refused(definedCodes.get(failed?.code ?? '') ?? connectionTestFailed, {
    ...(failed?.detail === undefined ? {} : { detail: failed.detail }),
    ...(failed?.remedy === undefined ? {} : { remedy: failed.remedy }),
    details: { steps: steps.map((step) => ({ ...step })) },
  })
}
