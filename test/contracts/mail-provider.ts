import type { Test } from 'tap'
import { faultsContract } from './mail-provider-faults.ts'
import type { OpenHarness } from './mail-provider-harness.ts'
import { modelContract } from './mail-provider-model.ts'
import { readingContract } from './mail-provider-reading.ts'
import { sendingContract } from './mail-provider-sending.ts'
import { trashContract } from './mail-provider-trash.ts'

/** What every mail provider guarantees. `open` gives an empty mailbox. `runs`: how many random runs to try. */
export const mailProviderContract = (
  t: Test,
  name: string,
  open: OpenHarness,
  { runs }: { runs: number },
): void => {
  t.test(`the mail provider contract, for ${name}`, async (t) => {
    readingContract(t, open)
    faultsContract(t, open)
    sendingContract(t, open)
    trashContract(t, open)
    modelContract(t, open, runs)
  })
}
