import { z } from 'zod'

/**
 * How an account's mailbox is reached: a union by `provider` whose members belong to the adapters (`ConnectionForms`).
 * Plain JSON without secrets: those are in the vault.
 */
export const connection = z.looseObject({ provider: z.string().min(1).max(50) })
export type Connection = z.infer<typeof connection>

/** The same as entered, including secrets. */
export type EnteredConnection = { readonly provider: string; readonly [setting: string]: unknown }

/** The two forms of a provider's connection: as entered, and as recorded and shown. `provider` is a literal in both. */
export type ConnectionForms = { readonly entered: z.ZodObject; readonly recorded: z.ZodObject }

/**
 * One step of a connection test. `service` is what was tested (`smtp`, `imap`), `step` which part (`tls`, `login`).
 * `code` and `remedy` are set if it failed, in our words and not the server's.
 */
export const testStep = z.object({
  service: z.string(),
  step: z.string(),
  ok: z.boolean(),
  skipped: z.boolean().optional(),
  durationMs: z.number(),
  code: z.string().optional(),
  detail: z.string().optional(),
  remedy: z.string().optional(),
})
export type TestStep = z.infer<typeof testStep>
