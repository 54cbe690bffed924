import { z } from 'zod'
import type { Discover, Preset } from '../../commands/ports/connecting.ts'
import type { SignIn } from '../../commands/ports/sign-in.ts'
import { tiles, type TileId } from '../../domain/accounts/tiles.ts'
import { address } from '../../domain/mail.ts'
import { problems, type App } from '../server/server.ts'

const tileId = z.enum(tiles.map(({ id }) => id))
const encryption = z.enum(['starttls', 'tls'])
const server = z.object({
  host: z.string().nullable().describe('Null: only the provider of the mailbox can say'),
  port: z.int(),
  encryption,
})
const signInWay = z.object({
  kind: z.literal('sign-in').describe('The person signs in with the provider, and enters no password here'),
  provider: z.string(),
  isSetUp: z.boolean().describe('False: the operator of Mailtrail has to do something first'),
  remedy: z.string().nullable(),
  permissions: z
    .array(
      z.object({
        name: z.string(),
        words: z.string().describe('What it lets Mailtrail do, in plain words'),
        optional: z.boolean().describe('It is only asked for where it is wanted'),
      }),
    )
    .describe('What the person is asked to permit'),
})
const presetServer = server.extend({
  usernameIs: z
    .enum(['address', 'local-part'])
    .describe('What the user name usually is: the whole address, or the part of it before the @'),
})
const formWay = z.object({
  kind: z.literal('form').describe('Servers, user names and passwords are entered'),
  provider: z.string(),
  smtp: presetServer,
  imap: presetServer,
  guidance: z.array(z.string()).describe('What one has to know or do first'),
})
const tileView = z
  .object({
    id: tileId,
    name: z.string(),
    title: z.string().describe('What the list of accounts calls an account of this kind'),
    ways: z
      .array(z.discriminatedUnion('kind', [signInWay, formWay]))
      .describe('How a mailbox can be connected, the preferred way first'),
  })
  .meta({ id: 'ProviderTile' })
const encryptionView = z.object({
  name: z.enum(['starttls', 'tls', 'none']),
  alsoCalled: z.string().nullable().describe('What many mail programs call it'),
  meaning: z.string().describe('What it does, in plain words'),
})

/** The words for encryption: mail programs say SSL and TLS for two ways of starting the same TLS. */
const encryptions: z.infer<typeof encryptionView>[] = [
  {
    name: 'starttls',
    alsoCalled: 'TLS',
    meaning:
      'The connection begins in clear text and is encrypted before the password is sent; if the server does not do that, nothing is sent. Usual for sending, on port 587.',
  },
  {
    name: 'tls',
    alsoCalled: 'SSL',
    meaning:
      'The connection is encrypted from its first byte. Usual for receiving, on port 993, and for sending on port 465.',
  },
  {
    name: 'none',
    alsoCalled: null,
    meaning: 'Nothing is encrypted. Only for hosts that the operator of Mailtrail allows.',
  },
]

const discoveredServer = server.extend({
  host: z.string(),
  username: z.string(),
  foundBy: z
    .object({ source: z.string(), where: z.string() })
    .describe('Where this answer came from, as in `asked`'),
  isElsewhere: z
    .boolean()
    .describe(
      'It is not below the domain of the address: show its name to the person before they enter the password',
    ),
})
const discoveryView = z
  .object({
    tile: tileId.describe('The tile to connect it by; `imap` where nothing is known'),
    smtp: discoveredServer.nullable().describe('Null: nothing was found, and it has to be entered'),
    imap: discoveredServer.nullable().describe('Null: nothing was found, and it has to be entered'),
    asked: z
      .array(
        z.object({
          source: z
            .enum(['known', 'autoconfig', 'srv', 'mx'])
            .describe(
              '`known`: our own table. `autoconfig`: a file that the domain publishes. `srv`: its SRV records (RFC 6186). `mx`: who takes in its mail',
            ),
          where: z.string().describe('A domain, a URL, or a name in the DNS'),
          outcome: z
            .enum(['found', 'nothing', 'failed'])
            .describe('`nothing`: no answer of use. `failed`: it could not be asked'),
        }),
      )
      .describe('Everything that was asked, in order of preference'),
  })
  .meta({ id: 'ProviderDiscovery' })

type ProviderRouteDeps = {
  readonly providers: readonly {
    readonly name: string
    readonly signIn?: Pick<SignIn, 'permissions' | 'notSetUp'>
    readonly presets?: readonly Preset[]
  }[]
  readonly discover: Discover
  readonly signal: AbortSignal
}

/** What helps people to connect a mailbox: the tiles to choose from, and what is found out from an address. */
export const providerRoutes = (app: App, { providers, discover, signal }: ProviderRouteDeps): void => {
  const tags = ['Email accounts']
  app.get('/v1/providers', {
    config: { permission: 'accounts:read' },
    schema: {
      tags,
      summary: 'List what a mailbox can be connected to',
      description:
        'The six tiles of a provider picker, in order, each with how it is connected, what is filled in, and what one has to know first.',
      response: {
        200: z.object({
          data: z.array(tileView),
          encryptions: z.array(encryptionView).describe('The words for encryption, explained'),
        }),
        ...problems,
      },
    },
    handler: () => ({
      data: tiles.map((tile) => ({ ...tile, ways: waysOf(tile.id, providers) })),
      encryptions,
    }),
  })
  app.post('/v1/providers/discover', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Find out how the mailbox of an address is reached',
      description:
        'From our own table, from what its domain publishes for mail programs, and from the DNS; other servers learn the domain, never the address. Nothing is guessed and nothing is stored. It takes up to 15 seconds.',
      body: z.object({ address }),
      response: { 200: discoveryView, ...problems },
    },
    handler: async ({ body }) => {
      const { asked, ...found } = await discover(body.address, signal)
      return { ...found, asked: [...asked] }
    },
  })
}

/** Signing in goes before entering anything. */
const waysOf = (
  tile: TileId,
  providers: ProviderRouteDeps['providers'],
): z.infer<typeof tileView>['ways'] => [
  ...providers.flatMap(({ name, signIn }) =>
    signIn === undefined || name !== tile
      ? []
      : [
          {
            kind: 'sign-in' as const,
            provider: name,
            isSetUp: signIn.notSetUp === null,
            remedy: signIn.notSetUp,
            permissions: signIn.permissions.map((permission) => ({ ...permission })),
          },
        ],
  ),
  ...providers.flatMap(({ name, presets = [] }) =>
    presets
      .filter((preset) => preset.tile === tile)
      .map(({ smtp, imap, guidance }) => ({
        kind: 'form' as const,
        provider: name,
        smtp,
        imap,
        guidance: [...guidance],
      })),
  ),
]
