import type { ProviderOf, Push } from '../ports/mail-provider.ts'

/** Takes what a mail system pushes; false if it is not its own word, or nobody set up that it pushes. */
export const takePush =
  ({ providerOf }: { readonly providerOf: ProviderOf }) =>
  async (provider: string, push: Push): Promise<boolean> =>
    (await providerOf({ provider }).takePush?.(push)) ?? false
