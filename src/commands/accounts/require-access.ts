import { definedCodes, defineRefusal, Refused } from '../../domain/refusal.ts'
import type { Access, MailProvider } from '../ports/mail-provider.ts'

const connectionTestFailed = defineRefusal('connection-test-failed', {
  title: 'Connection test failed',
  meaning: 'The mailbox could not be reached; `details.steps` shows how far the test got.',
  remedy: 'Follow the remedy of the first step that failed.',
})

/**
 * Tests the access. @throws Refused `connection-test-failed` with the steps in its details, and the remedy for the
 * first that failed
 */
export const requireAccess = async (
  provider: MailProvider,
  access: Access,
  signal: AbortSignal,
): Promise<void> => {
  const { ok, steps } = await provider.test(access, signal)
  if (ok) return
  const failed = steps.find((step) => !step.ok && !step.skipped)
  throw new Refused(definedCodes.get(failed?.code ?? '') ?? connectionTestFailed, {
    ...(failed?.detail === undefined ? {} : { detail: failed.detail }),
    ...(failed?.remedy === undefined ? {} : { remedy: failed.remedy }),
    details: { steps: steps.map((step) => ({ ...step })) },
  })
}
