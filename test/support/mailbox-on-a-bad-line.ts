import type { Test } from 'tap'
import { MailUnavailable, type Access, type MailProvider } from '../../src/commands/ports/mail-provider.ts'
import { going, mimeOf, type FromBehind } from '../contracts/mail-provider-harness.ts'
import { product, sorted } from '../contracts/mail-provider-product.ts'

/** Messages in turn in these folders, a minute apart, some of them read and some with these flags. */
export const deliverMany = async (
  behind: FromBehind,
  count: number,
  folders: readonly string[],
  flags: readonly string[],
): Promise<void> => {
  for (let n = 0; n < count; n += 1)
    await behind.deliver(folders[n % folders.length]!, mimeOf(`${n}@x`), {
      at: new Date(Date.UTC(2026, 1, 1) + n * 60_000),
      flags: n % 3 === 0 ? ['seen'] : n % 7 === 0 ? flags : [],
    })
}

/** Gives each of these faults in turn, at every tenth call. */
export const atEveryTenth = <Fault>(faults: readonly Fault[]) => {
  let calls = 0
  return {
    calls: () => calls,
    next: (): Fault | null => {
      calls += 1
      return calls % 10 === 0 ? faults[(calls / 10) % faults.length]! : null
    },
  }
}

/** Reads a mailbox until a run goes through: none of `count` messages may be missing then, and none come twice. */
export const readToTheEnd = async (
  t: Test,
  { provider, access }: { readonly provider: MailProvider; readonly access: Access },
  behind: FromBehind,
  count: number,
): Promise<void> => {
  const reader = product()
  let broken = 0
  for (let done = false; !done;)
    try {
      const session = await provider.open(access, {}, going())
      await reader.run(session)
      await session.close()
      done = true
    } catch (error) {
      if (!(error instanceof MailUnavailable)) throw error
      broken += 1
    }
  t.comment(`${broken} runs broke off`)
  t.same(sorted(reader.contents()), sorted(await behind.contents()), 'none is missing')
  t.equal(reader.handedOut(), count, 'and none came twice')
}
