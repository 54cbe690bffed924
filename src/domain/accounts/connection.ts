import { z } from 'zod'

/**
 * How an account's mailbox is reached: a union by `provider`, whose members belong to the adapters (`ConnectionForms`).
 * Plain JSON, and never a secret: the vault keeps those.
 */
export const connection = z.looseObject({ provider: z.string().min(1).max(50) })
export type Connection = z.infer<typeof connection>

/** The same as a person enters it, secrets among it. */
export type EnteredConnection = { readonly provider: string; readonly [setting: string]: unknown }

/** The forms of one provider's connection: as it is entered, and as it is recorded and shown. `provider` is a literal in both. */
export type ConnectionForms = { readonly entered: z.ZodObject; readonly recorded: z.ZodObject }

/**
 * One step of trying a connection. `service` is what was tried (`smtp`, `imap`), `step` how far (`tls`, `login`). `code`
 * and `remedy` are there when it failed; nothing of the server's own words is.
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
