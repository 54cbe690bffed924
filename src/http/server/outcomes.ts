import { z } from 'zod'
import { FAILURE_KINDS } from '../../domain/sending/classify-failure.ts'
import { OUTCOMES } from '../../domain/sending/outcome.ts'

const basis = ['report', 'reply', 'engagement', 'no-bounce'] as const

export const delivery = z
  .object({
    status: z.enum(['pending', 'accepted', 'delivered', 'bounced', 'failed', 'unknown', 'cancelled']),
    at: z.string().nullable(),
    basis: z
      .enum(['answer', ...basis])
      .nullable()
      .describe('How it is known: `no-bounce` is said only where a bounce would have been seen'),
  })
  .describe(
    'The email as a whole. `delivered`: somebody has it. `bounced`: it came back, and nobody is likely to have it.',
  )
  .meta({ id: 'Delivery' })

export const outcomes = z.array(
  z
    .object({
      address: z.string(),
      outcome: z
        .enum(OUTCOMES)
        .describe(
          '`waiting`: not tried yet. `deferred`: put off, and tried again. `accepted`: the mail server took it, and nothing ' +
            'is known since. `delivered`: a report or an answer says so, or nothing came back in time where it would have ' +
            'been seen. `bounced`: it came back. `refused`: the mail server did not take it. `failed`: it was not sent, for ' +
            'a reason that is not the server’s. `unknown`: the answer was lost, or a bounce does not say which of ' +
            'several recipients it is about.',
        ),
      at: z.string().nullable(),
      basis: z.enum(basis).nullable(),
      retryAt: z
        .string()
        .nullable()
        .describe('The next attempt, or until when the receiving server tries on'),
      code: z.int().nullable().describe('Reply code of SMTP'),
      status: z.string().nullable().describe('Enhanced status code (RFC 3463)'),
      diagnostic: z.string().nullable().describe("The server's own words"),
      kind: z.enum(FAILURE_KINDS).nullable(),
      hard: z.boolean().describe('The address is no good, now and later'),
      remedy: z.string().nullable(),
    })
    .meta({ id: 'RecipientOutcome' }),
)
